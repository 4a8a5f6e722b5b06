"""Repeatable ids across processes: each that draws from a seed has a sequence of its own."""

from .db import Tx
from .ids import Ids
from .resource import Resource, attr
from .types import Int, Text


class SeedStart(Resource):
    """How many processes have drawn ids from a seed on this database."""

    one, many = "seed_start", "seed_starts"

    seed = attr(Text(32), key=True)
    starts = attr(Int())


def begin(tx: Tx, ids: Ids, seed: int | None) -> None:
    """Let `ids` begin the sequence of the next process; nothing where ids are random."""
    if seed is None:
        return
    row = tx.get(SeedStart, str(seed))
    if row is None:
        tx.add(SeedStart(seed=str(seed), starts=1))
        ids.restart(0)
    else:
        tx.change(row, starts=row.starts + 1)
        ids.restart(row.starts - 1)
