"""Repeatable ids across processes: each that draws from a seed has a sequence of its own."""

from .db import Database, Tx
from .resource import Resource, attr
from .types import Int, Text


class SeedStart(Resource):
    """How many processes have drawn ids from a seed on this database."""

    one, many = "seed_start", "seed_starts"

    seed = attr(Text(32), key=True)
    starts = attr(Int())


def begin(db: Database, seed: int | None) -> None:
    """Let `db.ids` begin the sequence of the next process; nothing where ids are random."""
    if seed is None:
        return

    def work(tx: Tx) -> int:
        row = tx.get(SeedStart, str(seed))
        if row is None:
            tx.add(SeedStart(seed=str(seed), starts=1))
            return 0
        tx.change(row, starts=row.starts + 1)
        return row.starts - 1

    db.ids.restart(db.run(work))
