"""All that placement knows of providers, in columns in memory, so that no search scans rows.

Each process on a database has its own. Whoever asks it sees all that was committed before its
transaction's snapshot: one query says which providers have changed since the last look, and only
those are read again. What a transaction has changed itself stays out of it, so nothing has to be
taken back when that is undone; `fitting` alone reads it beside.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..core.db import Database, Tx
from .changes import NOTHING, Look, look
from .records import fits, free, read

if TYPE_CHECKING:
    from .columns import Array, Columns
    from .search import Wish
    from .tree import Step

TOPIC = "placement"
_SOME = 1000  # providers that are read again rather than all, however few there are
_IN_HAND = 1.0  # seconds for which a root that was offered may be about to be claimed


class Index:
    """The columns, and how far they have been read."""

    def __init__(self, db: Database) -> None:
        self._using = threading.Lock()  # never held over a query
        self._loading = threading.Lock()
        self._columns: Columns | None = None
        self._look = NOTHING
        self._again: set[str] = set()
        self._term = 0  # grows when everything is to be read again
        self._clock = db.clock
        self._offered: dict[str, float] = {}  # root → when
        db.listen(TOPIC, self._heard)

    def _heard(self, key: str) -> None:
        # Changes are seen by looking; but signals that were lost may mean another database.
        if key:
            self._offered.pop(key, None)
        else:
            self.changed()

    def changed(self, provider_id: str = "") -> None:
        """This provider is to be read again; without a name, everything."""
        with self._using:
            if provider_id:
                self._again.add(provider_id)
            else:
                self._columns = None
                self._term += 1

    @contextmanager
    def columns(self, tx: Tx) -> "Iterator[Columns]":
        """The columns as they are for this transaction or later, and nobody else's meanwhile."""
        while True:
            alone = self._follow(tx)
            if alone is not None:
                yield alone
                return
            with self._using:
                if self._columns is not None:
                    yield self._columns
                    return

    def _follow(self, tx: Tx) -> "Columns | None":
        """Read what has changed; the columns, where they hold what nobody else may see."""
        with self._using:
            before, loaded, again = self._look, self._columns is not None, set(self._again)
            known, term = len(self._columns.ids) if self._columns else 0, self._term
        if not loaded:
            return self._load(tx)
        if _own(tx):
            return None
        now = look(tx, before)
        changed = now.changed | again
        if not now.whole(before) or len(changed) > max(_SOME, known // 8):
            self._drop(before)
            return None
        records = read(tx, changed) if changed else {}
        with self._using:
            # Another may have read on meanwhile; then it knows all that this one does.
            if self._columns is None or term != self._term or now.place < self._look.place:
                return None
            if changed:
                self._columns.apply(changed, records)
            self._look = now
            self._again -= again
        return None

    def _drop(self, before: Look) -> None:
        """Everything is to be read again, unless somebody has since this look."""
        with self._using:
            if self._look is before:
                self._columns = None
                self._term += 1

    def _load(self, tx: Tx) -> "Columns | None":
        """Read everything; one does, the others wait for it."""
        from .columns import Columns  # numpy: most commands never choose a host

        with self._loading:
            with self._using:
                if self._columns is not None:
                    return None
                term = self._term
                self._again.clear()
            now, columns = look(tx, NOTHING), Columns()
            records = read(tx)
            columns.apply(records, records)
            if _own(tx):
                return columns
            with self._using:
                if term == self._term:
                    self._columns, self._look = columns, now
            return None

    def narrowed(self, tx: Tx, wish: "Wish") -> tuple[int, "list[Step]"]:
        """How many roots there are, and how what is asked of their trees narrows them, in order."""
        from . import tree

        own = _own(tx) - {""}
        with self.columns(tx) as columns:
            found = tree.narrowed(columns, wish)
            mine = columns.roots(own)
        return tree.corrected(tx, found, sorted(mine), wish) if mine else found

    def fitting_trees(self, tx: Tx, wish: "Wish", weigh: str) -> Iterator[str]:
        """As `fitting`: roots whose trees may give all of it. `tree.way` says whether they do."""
        from .search import Hunt, slots_of

        own = _own(tx) - {""}
        now = self._clock.monotonic()
        with self.columns(tx) as columns:
            *_, (_, able) = Hunt(columns, wish, slots_of(wish), 1).narrowed()
            ids, weights = columns.ids, columns.heavy(able, weigh)
            at = {id: columns.at[id] for id in columns.roots(own)}
            self._last_come(columns, weights, now)
        for id, record in (read(tx, at) if at else {}).items():
            if weights[at[id]] > -float("inf") and weigh in record.stock:
                weights[at[id]] = free(record.stock[weigh])
        return self._offer(ids, weights, now)

    def fitting(self, tx: Tx, resources: Mapping[str, int], weigh: str) -> Iterator[str]:
        """Roots that may have room for all of this, the one with most `weigh` free first.

        Of equals, those come last that were offered to others a moment ago: whoever claims what
        another is about to claim has to wait for it.
        """
        own = _own(tx) - {""}
        now = self._clock.monotonic()
        with self.columns(tx) as columns:
            ids, weights = columns.ids, columns.weights(resources, weigh)
            at = [columns.at[id] for id in own if id in columns.at]
            self._last_come(columns, weights, now)
        if own:
            weights[at] = -float("inf")
            ids, weights = _with(ids, weights, _mine(tx, own, resources, weigh))
        return self._offer(ids, weights, now)

    def _last_come(self, columns: "Columns", weights: "Array", now: float) -> None:
        """Let those that are in others' hands come after their equals."""
        for id, since in list(self._offered.items()):
            if now - since > _IN_HAND or id not in columns.at:
                self._offered.pop(id, None)
            else:
                weights[columns.at[id]] -= 0.5

    def _offer(self, ids: Sequence[str], weights: "Array", now: float) -> Iterator[str]:
        for id in _best(ids, weights):
            self._offered[id] = now
            yield id


def _own(tx: Tx) -> set[str]:
    """The providers that this transaction has changed; "" is any."""
    return {key for topic, key in tx.signals if topic == TOPIC}


def _with(ids: list[str], weights: "Array", more: Mapping[str, float]) -> tuple[list[str], "Array"]:
    import numpy as np

    return [*ids, *more], np.concatenate([weights, np.array(list(more.values()))])


def _mine(tx: Tx, own: set[str], resources: Mapping[str, int], weigh: str) -> dict[str, float]:
    """Those of the transaction's own roots that fit, and what they weigh, from the rows."""
    found = {}
    for id, record in read(tx, own).items():
        if record.parent is None and all(
            name in record.stock and fits(record.stock[name], amount)
            for name, amount in resources.items()
        ):
            found[id] = free(record.stock[weigh]) if weigh in record.stock else -1.0
    return found


def _best(ids: Sequence[str], weights: "Array") -> Iterator[str]:
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
