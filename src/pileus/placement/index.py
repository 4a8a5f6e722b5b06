"""What root providers have free, in columns in memory, so that choosing one is not a scan of rows.

It is never the last word: who chooses by it reads the host's row again and claims in the same
transaction, which fails where the rows say otherwise; and that nothing fits is only believed of the
rows (`hosts.candidates`). So it may lag: changes of this process are read before the next use,
those of others within ten seconds.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..core.clock import Clock
from ..core.db import Database, Tx, chunks
from .rows import Inventory, Provider

if TYPE_CHECKING:
    import numpy as np

TOPIC = "placement"
_AGE = 10.0  # seconds after which everything is read again
_FREE, _LEAST, _MOST, _STEP = range(4)  # the lines of a resource class's table


class Index:
    """The inventories of every root provider: for each resource class a table of four lines."""

    def __init__(self, db: Database) -> None:
        self._clock: Clock = db.clock
        self._lock = threading.Lock()
        self._changed: dict[str, float] = {}  # provider → when it was said to have changed
        self._all_changed = float("-inf")  # when everything was
        self._noting = threading.Lock()  # held for a moment only
        self._read = float("-inf")
        self._ids: list[str] = []
        self._at: dict[str, int] = {}
        self._tables: dict[str, np.ndarray[Any, Any]] = {}
        db.listen(TOPIC, self.changed)

    def changed(self, provider_id: str = "") -> None:
        """This provider has changed; without a name, everything may have."""
        now = self._clock.monotonic()
        with self._noting:
            if provider_id:
                self._changed[provider_id] = now
            else:
                self._all_changed = now

    def fitting(self, tx: Tx, resources: Mapping[str, int], weigh: str) -> Iterator[str]:
        """Providers that may have room for all of this, the one with most `weigh` free first."""
        import numpy as np  # not at the start: most commands never choose a host

        with self._lock:
            self._refresh(tx)
            ids, none = self._ids, np.full((4, len(self._ids)), -np.inf)
            fits = np.ones(len(ids), dtype=bool)
            for name, amount in resources.items():
                table = self._tables.get(name, none)
                fits &= (table[_FREE] >= amount) & (table[_LEAST] <= amount)
                fits &= (table[_MOST] >= amount) & (amount % np.maximum(table[_STEP], 1) == 0)
            # What fits and has nothing of `weigh` comes last.
            weights = np.where(fits, np.maximum(self._tables.get(weigh, none)[_FREE], -1), -np.inf)
        return _best(ids, weights)

    def _refresh(self, tx: Tx) -> None:
        own = {key for topic, key in tx.signals if topic == TOPIC and key}
        with self._noting:
            changed = own | self._changed.keys()
            # A transaction may not see what was committed since it began, and its own may be
            # undone: both are read again by the next.
            later = {one: at for one, at in self._changed.items() if at > tx.began}
            self._changed = later | dict.fromkeys(own, tx.began)
            stale = self._read < self._all_changed or tx.began - self._read > _AGE
        if stale or not changed <= self._at.keys():
            self._fill(tx)
            self._read = tx.began
        elif changed:
            for table in self._tables.values():
                table[_FREE, [self._at[one] for one in changed]] = -float("inf")
            for some in chunks(sorted(changed)):
                self._note(tx.execute(_stock(some=True), {"ids": some}))

    def _fill(self, tx: Tx) -> None:
        self._ids = list(tx.execute(_roots()).scalars())
        self._at = {id: at for at, id in enumerate(self._ids)}
        self._tables = {}
        self._note(tx.execute(_stock(some=False)))

    def _note(self, rows: Iterable[Any]) -> None:
        import numpy as np

        for id, name, free, least, most, step in rows:
            at, table = self._at.get(id), self._tables.get(name)
            if at is None:
                continue
            if table is None:
                table = self._tables[name] = np.full((4, len(self._ids)), -np.inf)
            table[:, at] = (free, least, most, step)


def _best(ids: Sequence[str], weights: "np.ndarray[Any, Any]") -> Iterator[str]:
    """Those that fit, the heaviest first. Few are asked for, so nothing is sorted.

    What does not fit weighs minus infinity.
    """
    # Of equals the last by name, as the rows' own order has it.
    backwards = weights[::-1]
    while len(ids):
        at = int(backwards.argmax())
        if backwards[at] == -float("inf"):
            return
        backwards[at] = -float("inf")
        yield ids[-1 - at]


@cache
def _roots() -> "sa.Select[Any]":
    return sa.select(Provider.id).where(Provider.parent_id.is_(None)).order_by(Provider.name)


@cache
def _stock(some: bool) -> "sa.Select[Any]":
    c = Inventory.table.c
    free = (c.total - c.reserved) * c.allocation_ratio - c.used
    query = sa.select(c.provider_id, c.resource_class, free, c.min_unit, c.max_unit, c.step_size)
    return query.where(c.provider_id.in_(sa.bindparam("ids", expanding=True))) if some else query
