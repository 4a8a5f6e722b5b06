"""The loops of identity: forget what has ended."""

from ..core.db import Database
from ..core.loop import Loop
from ..core.parts import Parts
from .federation import lapse
from .revision import prune


def loops(parts: Parts) -> list[Loop]:
    """The loops that repair and tidy."""
    db = parts[Database]

    def tidy() -> None:
        db.run(prune)

    def end_memberships() -> None:
        db.run(lapse.end)

    return [
        Loop("identity.memberships", 60, end_memberships, db, db.owner),
        Loop("identity.revocations", 3600, tidy, db, db.owner),
    ]
