"""All providers in columns: a provider is a position, a tree is a range of them.

A tree's providers stand together, each before all that is below it, so `last` says where its
subtree ends. Which traits a provider has is the number of a set that others have too.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

from .records import Record
from .records import Stock as StockRow

Array = np.ndarray[Any, Any]
SHARES = "MISC_SHARES_VIA_AGGREGATE"
CAPACITY, USED, LEAST, MOST, STEP = range(5)  # the lines of a resource class's table
_WIDTH = 38  # of an id in JSON


class Sets:
    """For each provider a set of names; each set that occurs is kept once."""

    def __init__(self) -> None:
        self.values: list[frozenset[str]] = [frozenset()]
        self.of = np.zeros(0, dtype=np.int32)
        self._numbers = {self.values[0]: 0}

    def put(self, at: int, names: frozenset[str]) -> bool:
        """Give the provider this set; whether it had another."""
        number = self._numbers.get(names)
        if number is None:
            if len(self.values) > 2 * len(self.of):
                self.arrange(np.arange(len(self.of)))
            number = self._numbers[names] = len(self.values)
            self.values.append(names)
        before, self.of[at] = self.of[at], number
        return bool(before != number)

    def arrange(self, order: Array) -> None:
        """Follow the providers to their new positions, and forget what nobody has any more."""
        kept, of = np.unique(self.of[order], return_inverse=True)
        self.values = [self.values[number] for number in kept]
        if frozenset() not in self.values:
            self.values.append(frozenset())
        self._numbers = {names: number for number, names in enumerate(self.values)}
        self.of = of.astype(np.int32)

    def where(self, fits: Callable[[frozenset[str]], bool], at: Array | None = None) -> Array:
        """For each of these providers, or for all, whether its set fits."""
        table = np.fromiter((fits(names) for names in self.values), bool, len(self.values))
        found: Array = table[self.of if at is None else self.of[at]]
        return found


class Stock:
    """The inventories of one resource class: the providers' positions, ascending, and a table."""

    def __init__(self) -> None:
        self.at = np.zeros(0, dtype=np.int32)
        self.table = np.zeros((5, 0))

    def rows(self, positions: Array) -> tuple[Array, Array]:
        """Which of the positions have the class, and in which columns of the table."""
        found = np.searchsorted(self.at, positions)
        there = found < len(self.at)
        there[there] = self.at[found[there]] == positions[there]
        return there, found[there]

    def put(self, at: Array, table: Array, gone: Array) -> None:
        """Write the inventories of these providers, and take away those of `gone`."""
        there, rows = self.rows(at)
        if there.all() and not len(gone):
            self.table[:, rows] = table
            return
        kept = ~np.isin(self.at, np.concatenate([at, gone]))
        self.at = np.concatenate([self.at[kept], at]).astype(np.int32)
        self.table = np.concatenate([self.table[:, kept], table], axis=1)
        self._sort()

    def arrange(self, new: Array) -> None:
        """Follow the providers to their new positions; -1 is of one that is gone."""
        self.at = new[self.at]
        self._sort()
        gone = int(np.searchsorted(self.at, 0))
        self.at, self.table = self.at[gone:], self.table[:, gone:]

    def _sort(self) -> None:
        order = np.argsort(self.at, kind="stable")
        self.at, self.table = self.at[order], self.table[:, order]

    def fitting(self, amount: int) -> Array:
        """The columns of those that can give `amount` in one piece, now."""
        t = self.table
        fits = (t[USED] + amount <= t[CAPACITY]) & (t[LEAST] <= amount) & (t[MOST] >= amount)
        stepped = t[STEP] > 1
        if stepped.any():
            fits[stepped] &= np.mod(amount, t[STEP, stepped]) == 0
        found: Array = fits
        return found


class Columns:
    """Providers, inventories, traits and aggregates at one moment."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.at: dict[str, int] = {}
        self.parent = np.zeros(0, dtype=np.int32)  # -1: a root
        self.tree = np.zeros(0, dtype=np.int32)  # where the tree's root is
        self.last = np.zeros(0, dtype=np.int32)  # where the subtree ends
        self.keys = np.zeros((0, _WIDTH), dtype=np.uint8)  # the ids in JSON, spaces at the end
        self.traits, self.aggregates = Sets(), Sets()
        self.stock: dict[str, Stock] = {}
        self.summaries: dict[int, bytes] = {}  # of trees, by their root; see candidate_view
        self._sharing: tuple[Array, Array] | None = None

    def apply(self, changed: Collection[str], records: Mapping[str, Record]) -> None:
        """Let these providers be as the records say; one without a record is gone."""
        self._place(changed, records)
        moved = False
        for id, record in records.items():
            at = self.at[id]
            moved |= self.traits.put(at, record.traits)
            moved |= self.aggregates.put(at, record.aggregates)
            self.summaries.pop(int(self.tree[at]), None)
        if moved:
            self._sharing = None
        self._keep(records)

    def _place(self, changed: Collection[str], records: Mapping[str, Record]) -> None:
        """Add, remove and move providers, and lay out anew the trees that this concerns."""
        new = [id for id in records if id not in self.at]
        gone = [self.at[id] for id in changed if id in self.at and id not in records]
        moved = [
            id
            for id, record in records.items()
            if id in self.at and self._parent(self.at[id]) != record.parent
        ]
        if not new and not gone and not moved:
            return
        size = len(self.ids)
        touched = {int(self.tree[at]) for at in (*gone, *(self.at[id] for id in moved))}
        for at, id in enumerate(new, size):
            self.at[id] = at
        parents = {self.at[id]: records[id].parent for id in (*new, *moved)}
        above = {at: -1 if id is None else self.at[id] for at, id in parents.items()}
        touched |= {int(self.tree[at]) for at in above.values() if 0 <= at < size}
        self._grow(new)
        self.parent[list(above)] = list(above.values())
        self._arrange(touched, size, gone)

    def _parent(self, at: int) -> str | None:
        above = int(self.parent[at])
        return None if above < 0 else self.ids[above]

    def _grow(self, new: list[str]) -> None:
        self.ids += new
        more = np.full(len(new), -1, dtype=np.int32)
        self.parent = np.concatenate([self.parent, more])
        for sets in (self.traits, self.aggregates):
            sets.of = np.concatenate([sets.of, np.zeros(len(new), dtype=np.int32)])
        self.keys = np.concatenate([self.keys, _keys(new)])

    def _arrange(self, touched: Iterable[int], size: int, gone: Collection[int]) -> None:
        """Lay the touched trees and what is new out anew, after the others."""
        count = len(self.ids)
        again = np.ones(count, dtype=bool)
        again[:size] = np.isin(self.tree, np.fromiter(touched, np.int32))
        again[list(gone)] = False
        stays = np.ones(count, dtype=bool)
        stays[again] = False
        stays[list(gone)] = False
        members = np.flatnonzero(again).tolist()
        order = np.concatenate(
            [np.flatnonzero(stays), np.array(_in_trees(members, self.parent), dtype=np.int64)]
        ).astype(np.int32)
        at = np.full(count + 1, -1, dtype=np.int32)  # the last one is what -1 finds
        at[order] = np.arange(len(order), dtype=np.int32)
        self.ids = [self.ids[one] for one in order.tolist()]
        self.at = {id: one for one, id in enumerate(self.ids)}
        self.parent = at[self.parent[order]]
        self.keys = self.keys[order]
        self.traits.arrange(order)
        self.aggregates.arrange(order)
        for stock in self.stock.values():
            stock.arrange(at)
        self.tree, self.last = _spans(self.parent)
        self.summaries, self._sharing = {}, None

    def _keep(self, records: Mapping[str, Record]) -> None:
        """Write the inventories."""
        positions = np.array([self.at[id] for id in records], dtype=np.int32)
        found: dict[str, dict[int, StockRow]] = {}
        for id, record in records.items():
            for name, values in record.stock.items():
                found.setdefault(name, {})[self.at[id]] = values
        for name in {*self.stock, *found}:
            mine = found.get(name, {})
            at = np.array(list(mine), dtype=np.int32)
            stock = self.stock.setdefault(name, Stock())
            there, _ = stock.rows(positions)
            gone = np.setdiff1d(positions[there], at)
            if len(at) or len(gone):
                stock.put(at, np.array(list(mine.values())).reshape(-1, 5).T, gone)
            if not len(stock.at):
                del self.stock[name]

    def weights(self, resources: Mapping[str, int], weigh: str) -> Array:
        """What each root that fits has free of `weigh`, at least -1; minus infinity elsewhere."""
        fits = self.parent < 0
        for name, amount in resources.items():
            fits &= self.fitting(name, amount)
        return self.heavy(fits, weigh)

    def heavy(self, fits: Array, weigh: str) -> Array:
        """What each of those that fit has free of `weigh`, at least -1; minus infinity elsewhere.

        fits: for each provider, whether it does.
        """
        found: Array = np.where(fits, -1.0, -np.inf)
        if weigh in self.stock:
            at, table = self.stock[weigh].at, self.stock[weigh].table
            heavy = np.maximum(table[CAPACITY] - table[USED], -1.0)
            found[at] = np.where(fits[at], heavy, -np.inf)
        return found

    def roots(self, ids: Iterable[str]) -> set[str]:
        """The roots of the trees that these providers are in."""
        return {self.ids[self.tree[self.at[id]]] for id in ids if id in self.at}

    def fitting(self, name: str, amount: int) -> Array:
        """For each provider, whether it can give `amount` in one piece, now."""
        found = np.zeros(len(self.ids), dtype=bool)
        stock = self.stock.get(name)
        if stock is not None:
            found[stock.at] = stock.fitting(amount)
        return found

    def sharing(self) -> tuple[Array, Array]:
        """Pairs: a provider that shares, and the root of another tree that it shares with."""
        if self._sharing is None:
            self._sharing = self._find_sharing()
        return self._sharing

    def _find_sharing(self) -> tuple[Array, Array]:
        sharers = np.flatnonzero(self.traits.where(lambda names: SHARES in names)).tolist()
        givers, roots = [], []
        for sharer in sharers:
            own = self.aggregates.values[self.aggregates.of[sharer]]
            if own:
                near = ~self.aggregates.where(own.isdisjoint)
                near_roots = np.unique(self.tree[near])
                near_roots = near_roots[near_roots != self.tree[sharer]]
                givers.append(np.full(len(near_roots), sharer, dtype=np.int32))
                roots.append(near_roots)
        if not givers:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
        return np.concatenate(givers), np.concatenate(roots)


def _keys(ids: list[str]) -> Array:
    texts = [f'"{id}"'.ljust(_WIDTH) for id in ids]
    return np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(-1, _WIDTH)


def _in_trees(members: list[int], parent: Array) -> list[int]:
    """The members, each tree together and each provider before those below it."""
    above = parent[members].tolist()
    below: dict[int, list[int]] = {}
    for one, up in zip(members, above, strict=True):
        below.setdefault(up, []).append(one)
    found: list[int] = []
    stack = below.get(-1, [])[::-1]
    while stack:
        one = stack.pop()
        found.append(one)
        stack += below.get(one, [])[::-1]
    return found


def _spans(parent: Array) -> tuple[Array, Array]:
    """The root's position of each provider's tree, and where each subtree ends."""
    starts = np.flatnonzero(parent < 0)
    tree = np.zeros(len(parent), dtype=np.int32)
    tree[starts] = starts
    tree = np.maximum.accumulate(tree) if len(tree) else tree
    last = np.arange(len(parent), dtype=np.int32)
    above = parent.tolist()
    ends = last.tolist()
    for one in range(len(above) - 1, -1, -1):
        up = above[one]
        if up >= 0 and ends[one] > ends[up]:
            ends[up] = ends[one]
    return tree, np.array(ends, dtype=np.int32)
