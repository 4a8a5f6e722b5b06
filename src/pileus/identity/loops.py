"""The one loop of identity: forget revocations that no living token can need."""

from ..core.db import Database
from ..core.loop import Loop
from ..core.parts import Parts
from .revision import prune


def loops(parts: Parts) -> list[Loop]:
    """The loops that repair and tidy."""
    db = parts[Database]

    def tidy() -> None:
        db.run(prune)

    return [Loop("identity.revocations", 3600, tidy, db, db.owner)]
