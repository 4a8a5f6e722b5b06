"""Allocation candidates: every way to satisfy a request from trees of providers.

What a tree can give is what its own providers have and what those have that share with it: marked
MISC_SHARES_VIA_AGGREGATE and in an aggregate with one of the tree's. The unsuffixed group may
spread over all of these, a suffixed group comes from one provider.

A request is cut into slots that one provider fills. The ways are rows of a table, a column for
each slot, and grow slot by slot: whatever cannot become a candidate is dropped at once, and a
block of rows is finished before the next is begun, so little is done in vain for a small limit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from .query import Asked

if TYPE_CHECKING:
    from .columns import Array, Columns

_BLOCK = 8192  # rows that are made at a time; fewer for a small limit


@dataclass(frozen=True)
class Wish:
    """A whole request.

    groups: by suffix; "" is the one that may spread. root_required, root_forbidden: traits of the
    tree's root. subtrees: sets of suffixes whose providers must lie below one of them.
    alone: a tree gives everything itself, without those that share with it, and of the ways that
    differ only in which of equal groups has what one is enough.
    """

    groups: Mapping[str, Asked]
    isolate: bool = False
    root_required: frozenset[str] = frozenset()
    root_forbidden: frozenset[str] = frozenset()
    subtrees: Sequence[frozenset[str]] = ()
    nested: bool = True  # whether one tree may give through several of its providers
    alone: bool = False


@dataclass(frozen=True)
class Slot:
    """A part of a group that one provider fills."""

    suffix: str
    resources: Mapping[str, int]


def slots_of(wish: Wish) -> list[Slot]:
    """The slots of a request, in the order of their columns."""
    found = []
    for suffix, group in sorted(wish.groups.items(), key=lambda item: item[0] != ""):
        parts = [group.resources] if suffix else [{n: a} for n, a in group.resources.items()]
        found += [Slot(suffix, part) for part in parts]
    return found


def search(columns: "Columns", wish: Wish, limit: int | None = None) -> "Array":
    """At most `limit` candidates: a row each, with the position of the provider of each slot."""
    import numpy as np

    slots = slots_of(wish)
    hunt = Hunt(columns, wish, slots, _BLOCK if limit is None else min(_BLOCK, limit + 100))
    found: list[Array] = [np.zeros((len(slots), 0), dtype=np.int32)]
    left = -1 if limit is None else limit
    for block in hunt.rows():
        found.append(block[:, :left] if left >= 0 else block)
        if left >= 0:
            left -= found[-1].shape[1]
            if left <= 0:
                break
    return np.concatenate(found, axis=1)


class Hunt:
    """One search."""

    def __init__(self, columns: "Columns", wish: Wish, slots: Sequence[Slot], block: int) -> None:
        self.columns, self.wish, self.slots, self.block = columns, wish, slots, block
        self.shared = False  # whether any slot may be filled from another tree
        self._seen: set[tuple[int, ...]] = set()
        self._alternatives: list[tuple[Array, Array]] = []

    def rows(self) -> "Iterator[Array]":
        """The candidates, in blocks; a line for each slot."""
        import numpy as np

        able, options = self._roots(), []
        for group in self.wish.groups.values():
            if group.in_tree and group.in_tree not in self.columns.at:
                return
        for slot in self.slots:
            options.append(self._options(slot))
            able &= self._having(options[-1][0])
            if not able.any():
                return
        if self.wish.alone:
            able &= self._plenty()
        roots = np.flatnonzero(able).astype(np.int32)
        for begin in range(0, len(roots), self.block):
            some = roots[begin : begin + self.block]
            for rows in self._grow(some, np.zeros((0, len(some)), dtype=np.int32), options):
                yield self._fresh(rows)

    def narrowed(self) -> "Iterator[tuple[Slot, Array]]":
        """For each slot in turn, which roots' trees have what it and all before it take alone."""
        self._alternatives = []
        able = self._roots()
        for slot in self.slots:
            self._alternatives.append(self._options(slot))
            able = able & self._having(self._alternatives[-1][0])
            yield slot, able

    def together(self, roots: "Array") -> "Iterator[int]":
        """Which of these roots, that `narrowed` has left, can fill all slots at once."""
        import numpy as np

        plenty = self._plenty() if len(roots) else ()
        for root in roots.tolist():
            own, none = np.array([root], dtype=np.int32), np.zeros((0, 1), dtype=np.int32)
            if plenty[root] and any(True for _ in self._grow(own, none, self._alternatives)):
                yield root

    def _plenty(self) -> "Array":
        """Which trees have as much of every class as all slots together take of it.

        So a tree that has one device too few is not asked for every order of those that it has.
        """
        import numpy as np

        from .columns import CAPACITY, USED

        c, found = self.columns, np.ones(len(self.columns.ids), dtype=bool)
        for name in {name for slot in self.slots for name in slot.resources}:
            stock = c.stock[name]
            left = np.maximum(stock.table[CAPACITY] - stock.table[USED], 0)
            sums = np.bincount(c.tree[stock.at], weights=left, minlength=len(c.ids))
            found &= sums >= sum(slot.resources.get(name, 0) for slot in self.slots)
        return found

    def apart(self) -> bool:
        """Whether no slot takes of what another takes, so that each can be looked at alone."""
        names = [name for slot in self.slots for name in slot.resources]
        suffixed = [slot for slot in self.slots if slot.suffix]
        unsuffixed = self.wish.groups.get("")
        return (
            len(names) == len(set(names))
            and not (self.wish.isolate and len(suffixed) > 1)
            and not (unsuffixed and unsuffixed.required)
        )

    def _having(self, trees: "Array") -> "Array":
        import numpy as np

        has = np.zeros(len(self.columns.ids), dtype=bool)
        has[trees] = True
        return has

    def _roots(self) -> "Array":
        """Whether each provider is a root that may be the tree's."""
        wish, traits = self.wish, self.columns.traits
        fits = self.columns.parent < 0
        if wish.root_required or wish.root_forbidden:
            fits &= traits.where(
                lambda has: wish.root_required <= has and wish.root_forbidden.isdisjoint(has)
            )
        return fits

    def _options(self, slot: Slot) -> "tuple[Array, Array]":
        """Pairs of a tree's root and a provider that can fill the slot there, by trees."""
        import numpy as np

        c, group = self.columns, self.wish.groups[slot.suffix]
        able = self._able(slot, group)
        own = shared = able
        if slot.suffix:
            if group.required:
                able = able[c.traits.where(partial(_all_of, group.required), able)]
            own = shared = able[self._within(group, able) & self._outside(group, able)]
        elif group.member_of or group.outside:
            # An aggregate of the root counts for its whole tree.
            roots = c.tree[able]
            within, outside = self._within(group, able), self._outside(group, able)
            shared = able[within & outside]
            within |= self._within(group, roots)
            own = able[within & outside & self._outside(group, roots)]
        providers, trees = own, c.tree[own]
        givers, roots = c.sharing()
        if len(givers) and not self.wish.alone and (slot.suffix or not group.in_tree):
            ok = np.isin(givers, shared)
            if not slot.suffix:
                ok &= self._outside(group, roots)
            if ok.any():
                self.shared = True
                providers = np.concatenate([providers, givers[ok]])
                trees = np.concatenate([trees, roots[ok]])
                order = np.argsort(trees, kind="stable")
                providers, trees = providers[order], trees[order]
        return trees, providers

    def _able(self, slot: Slot, group: Asked) -> "Array":
        """The providers, ascending, that have what the slot takes, and none of what is forbidden.

        As upstream has it, a group without resources is not narrowed by its tree, and finds nobody
        unless it asks for traits or aggregates.
        """
        import numpy as np

        c, wanted = self.columns, list(slot.resources.items())
        if not wanted:
            some = group.required or group.member_of
            able = np.arange(len(c.ids) if some else 0, dtype=np.int32)
        elif wanted[0][0] in c.stock:
            stock = c.stock[wanted[0][0]]
            able = stock.at[stock.fitting(wanted[0][1])]
        else:
            able = np.zeros(0, dtype=np.int32)
        for name, amount in wanted[1:]:
            able = able[c.fitting(name, amount)[able]]
        if group.forbidden:
            able = able[c.traits.where(group.forbidden.isdisjoint, able)]
        if group.in_tree and wanted:
            able = able[c.tree[able] == c.tree[c.at[group.in_tree]]]
        return able

    def _within(self, group: Asked, at: "Array") -> "Array":
        """Which of these are in all aggregates that the group asks for."""
        import numpy as np

        if not group.member_of:
            return np.ones(len(at), dtype=bool)
        return self.columns.aggregates.where(partial(_all_of, group.member_of), at)

    def _outside(self, group: Asked, at: "Array") -> "Array":
        """Which of these are in no aggregate that the group forbids."""
        import numpy as np

        if not group.outside:
            return np.ones(len(at), dtype=bool)
        return self.columns.aggregates.where(group.outside.isdisjoint, at)

    def _grow(
        self, roots: "Array", rows: "Array", options: "Sequence[tuple[Array, Array]]"
    ) -> "Iterator[Array]":
        """The rows with all further slots filled; roots: the tree of each row."""
        import numpy as np

        at = len(rows)
        if at == len(options):
            yield rows
            return
        trees, providers = options[at]
        begin = np.searchsorted(trees, roots, "left")
        counts = np.searchsorted(trees, roots, "right") - begin
        ends = np.cumsum(counts)
        done = 0
        while done < len(roots):
            before = int(ends[done - 1]) if done else 0
            upto = max(done + 1, int(np.searchsorted(ends, before + self.block, "right")))
            part = slice(done, upto)
            each = counts[part]
            row = np.repeat(np.arange(done, upto), each)
            offset = np.arange(len(row)) - np.repeat(ends[part] - each - before, each)
            grown = np.concatenate([rows[:, row], providers[begin[row] + offset][None]])
            kept = self._may(grown)
            if kept.any():
                yield from self._grow(roots[row[kept]], grown[:, kept], options)
            done = upto

    def _may(self, rows: "Array") -> "Array":
        """Which rows may still become candidates, now that their last slot is filled."""
        import numpy as np

        newest = len(rows) - 1
        slot, mine = self.slots[newest], rows[newest]
        kept = np.ones(rows.shape[1], dtype=bool)
        groups = self.wish.groups
        for at, other in enumerate(self.slots[:newest]):
            equal = slot.suffix and other.suffix and groups[slot.suffix] == groups[other.suffix]
            if self.wish.alone and equal:
                kept &= rows[at] <= mine
            if self.wish.isolate and slot.suffix and other.suffix:
                kept &= rows[at] != mine
            if not self.wish.nested and slot.resources and other.resources:
                tree = self.columns.tree
                kept &= (rows[at] == mine) | (tree[rows[at]] != tree[mine])
        for name in slot.resources:
            kept &= self._enough(rows, name)
        following = self.slots[newest + 1 :]
        if not any(one.suffix == slot.suffix for one in following):
            kept &= self._ends(rows, slot.suffix)
        return kept

    def _enough(self, rows: "Array", name: str) -> "Array":
        """Which rows' last provider has enough of the class for all slots that it fills."""
        import numpy as np

        from .columns import CAPACITY, MOST, USED

        newest = len(rows) - 1
        others = [at for at, one in enumerate(self.slots[:newest]) if name in one.resources]
        if not others:
            return np.ones(rows.shape[1], dtype=bool)  # its own amount fits
        amount = np.full(rows.shape[1], self.slots[newest].resources[name])
        for at in others:
            amount += np.where(rows[at] == rows[newest], self.slots[at].resources[name], 0)
        stock = self.columns.stock[name]
        _, columns = stock.rows(rows[newest])
        t = stock.table[:, columns]
        enough: Array = (t[USED] + amount <= t[CAPACITY]) & (amount <= t[MOST])
        return enough

    def _ends(self, rows: "Array", suffix: str) -> "Array":
        """Which rows satisfy what is asked of a group whose last slot is filled."""
        import numpy as np

        kept = np.ones(rows.shape[1], dtype=bool)
        if not suffix:
            for options in self.wish.groups[""].required:
                has = ~self.columns.traits.where(options.isdisjoint)
                kept &= has[rows].any(axis=0)
        filled = {one.suffix: at for at, one in enumerate(self.slots[: len(rows)])}
        for suffixes in self.wish.subtrees:
            if suffix in suffixes and suffixes <= filled.keys():
                kept &= self._together(rows[[filled[one] for one in suffixes]])
        return kept

    def _together(self, rows: "Array") -> "Array":
        """Which rows have all of their providers below one of them."""
        import numpy as np

        last = self.columns.last[rows]
        kept = np.zeros(rows.shape[1], dtype=bool)
        for at in range(len(rows)):
            kept |= ((rows >= rows[at]) & (rows <= last[at])).all(axis=0)
        return kept

    def _fresh(self, rows: "Array") -> "Array":
        """The rows without those that were found under another tree before.

        Only providers that share can be found under several.
        """
        import numpy as np

        if not self.shared:
            return rows
        givers = np.zeros(len(self.columns.ids), dtype=bool)
        givers[self.columns.sharing()[0]] = True
        kept = np.ones(rows.shape[1], dtype=bool)
        for at in np.flatnonzero(givers[rows].all(axis=0)):
            row = tuple(rows[:, at].tolist())
            kept[at] = row not in self._seen
            self._seen.add(row)
        return rows[:, kept]


def _all_of(wanted: Sequence[frozenset[str]], has: frozenset[str]) -> bool:
    return all(not options.isdisjoint(has) for options in wanted)
