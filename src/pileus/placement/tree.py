"""What the tree of one host's providers can give a server that asks more than the host's own.

What a tree gives, it gives alone: providers that share with it are for clients of the API, as a
server that leaves a host gives back all that it has there. So requests are `alone`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..core.db import Tx, chunks
from .claims import Shares
from .records import Record, read
from .rows import Provider
from .search import Hunt, Slot, Wish, search, slots_of

if TYPE_CHECKING:
    from .columns import Columns


@dataclass(frozen=True)
class Step:
    """What was asked of the trees, and the ids of the roots that were left.

    slot: None where everything was asked together.
    """

    slot: Slot | None
    left: frozenset[str]


def way(tx: Tx, root_id: str, wish: Wish) -> Shares | None:
    """One way in which the tree can give all of it now; None where there is none.

    What this transaction has claimed itself counts.
    """
    columns = _columns(_read(tx, [root_id]))
    found = _first(columns, wish)
    return None if found is None else {columns.ids[at]: one for at, one in found.items()}


def times(tx: Tx, roots: Collection[str], wish: Wish) -> dict[str, tuple[int, str]]:
    """How many such servers each tree has room for, and the resource class that is then scarce.

    A wish takes something. Trees that are alike, as those of hosts without servers are, are looked
    at once.
    """
    records = _read(tx, roots)
    trees: dict[str, dict[str, Record]] = {}
    for id in records:
        trees.setdefault(_root(records, id), {})[id] = records[id]
    known: dict[Any, tuple[int, str]] = {}
    found = {}
    for root, tree in trees.items():
        like = _likeness(tree)
        if like not in known:
            known[like] = _times(_columns(tree), wish)
        found[root] = known[like]
    return found


def narrowed(columns: "Columns", wish: Wish) -> tuple[int, list[Step]]:
    """How many roots there are, and how what is asked of their trees narrows them, in order."""
    import numpy as np

    hunt, steps = Hunt(columns, wish, slots_of(wish), 100), []
    roots = np.flatnonzero(columns.parent < 0)
    left = roots
    for slot, able in hunt.narrowed():
        left = np.flatnonzero(able)
        steps.append(Step(slot, _ids(columns, left.tolist())))
    if not hunt.apart():
        steps.append(Step(None, _ids(columns, hunt.together(left))))
    return len(roots), steps


def corrected(
    tx: Tx, found: tuple[int, list[Step]], own: Sequence[str], wish: Wish
) -> tuple[int, list[Step]]:
    """The same, with these roots' trees as they are for this transaction."""
    total, steps = found
    _, again = narrowed(_columns(_read(tx, own)), wish)
    mine = frozenset(own)
    return total, [
        Step(one.slot, (one.left - mine) | new.left) for one, new in zip(steps, again, strict=True)
    ]


def _ids(columns: "Columns", at: "Collection[int] | Iterator[int]") -> frozenset[str]:
    return frozenset(columns.ids[one] for one in at)


def _columns(records: Mapping[str, Record]) -> "Columns":
    from .columns import Columns  # numpy: most commands never choose a host

    columns = Columns()
    columns.apply(records, records)
    return columns


def _read(tx: Tx, roots: Collection[str]) -> dict[str, Record]:
    ids: list[str] = []
    for some in chunks(sorted(roots)):
        ids += tx.execute(_members(), {"roots": some}).scalars()
    return read(tx, ids)


@cache
def _members() -> "sa.Select[Any]":
    c = Provider.table.c
    return sa.select(c.id).where(c.root_id.in_(sa.bindparam("roots", expanding=True)))


def _root(records: Mapping[str, Record], id: str) -> str:
    while (parent := records[id].parent) is not None:
        id = parent
    return id


def _likeness(tree: Mapping[str, Record]) -> Any:
    """Equal for trees that give the same."""
    numbers = {id: number for number, id in enumerate(tree)}
    return tuple(
        (
            -1 if one.parent is None else numbers[one.parent],
            one.traits,
            tuple(sorted(one.stock.items())),
        )
        for one in tree.values()
    )


def _first(columns: "Columns", wish: Wish) -> dict[int, dict[str, int]] | None:
    """What the first way takes of each provider."""
    slots, rows = slots_of(wish), search(columns, wish, 1)
    if not rows.shape[1]:
        return None
    found: dict[int, dict[str, int]] = {}
    for slot, at in zip(slots, rows[:, 0].tolist(), strict=True):
        mine = found.setdefault(at, {})
        for name, amount in slot.resources.items():
            mine[name] = mine.get(name, 0) + amount
    return found


def _times(columns: "Columns", wish: Wish) -> tuple[int, str]:
    count = 0
    while found := _first(columns, wish):
        taken = [(at, name, n) for at, shares in found.items() for name, n in shares.items()]
        # The first way stays the first until one of its providers has too little.
        often = min(int(_left(columns, at, name) // n) for at, name, n in taken)
        count += often
        for at, name, n in taken:
            _left(columns, at, name, n * often)
    wanted: Counter[str] = Counter()
    for slot in slots_of(wish):
        wanted.update(slot.resources)
    stock = columns.stock

    def room(name: str) -> float:
        at = stock[name].at.tolist() if name in stock else []
        return sum(_left(columns, one, name) for one in at) / wanted[name]

    return count, min(wanted, key=room)


def _left(columns: "Columns", at: int, name: str, taken: int = 0) -> float:
    """What this provider has left of the class, once so much more of it is taken."""
    import numpy as np

    from .columns import CAPACITY, USED

    stock = columns.stock[name]
    _, (row,) = stock.rows(np.array([at]))
    stock.table[USED, row] += taken
    return float(stock.table[CAPACITY, row] - stock.table[USED, row])
