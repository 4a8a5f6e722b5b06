"""The loops of identity: forget what has ended, and follow the directories."""

from ..core.db import Database
from ..core.loop import Loop
from ..core.parts import Parts
from .federation import lapse
from .ldap import sync
from .revision import prune
from .tokens import Tokens

_DIRECTORIES = 300.0  # seconds between two readings of a directory


def loops(parts: Parts) -> list[Loop]:
    """The loops that repair and tidy."""
    db = parts[Database]

    def tidy() -> None:
        db.run(prune)

    def end_memberships() -> None:
        db.run(lapse.end)

    def follow() -> None:
        sync.all_domains(db, parts[Tokens].hours)

    directories = Loop("identity.directories", _DIRECTORIES, follow, db, db.owner)
    db.listen("directory", lambda _key: directories.nudge())
    return [
        Loop("identity.memberships", 60, end_memberships, db, db.owner),
        Loop("identity.revocations", 3600, tidy, db, db.owner),
        directories,
    ]
