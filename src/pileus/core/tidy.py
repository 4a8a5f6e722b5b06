"""The loop that forgets the marks of transactions that nobody can ask for any more."""

from .db import Database
from .loop import Loop
from .outcome import KEPT, Outcome

_PERIOD = 600.0


def outcome_loop(db: Database) -> Loop:
    """For a database whose commits may be in doubt (see `outcome`)."""

    def work() -> None:
        db.run(lambda tx: tx.remove_where(Outcome, Outcome.at < tx.now - KEPT), promise=False)

    return Loop("outcomes", _PERIOD, work, db, db.owner)
