"""Random provider trees, random changes to them, and random requests, all of one seed."""

import random
from collections.abc import Iterable
from typing import Any

from pileus.core.db import Tx
from pileus.placement import claims, provide
from pileus.placement.rows import Inventory, Provider, ProviderAggregate, ProviderTrait, Trait

from .reference import SHARES, Group, Request

CLASSES = ("VCPU", "MEMORY_MB", "FPGA", "CUSTOM_ODD")
TRAITS = ("HW_CPU_X86_VMX", "CUSTOM_FOO", "CUSTOM_BAR", "HW_NUMA_ROOT")
AGGREGATES = tuple(f"a0000000-0000-4000-8000-{number:012d}" for number in range(4))
MINORS = (39, 39, 39, 36, 33, 28, 26, 16, 11)


def provider_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def some(draw: random.Random, things: Iterable[Any], chance: float) -> set[Any]:
    return {one for one in things if draw.random() < chance}


class Draws:
    """Draws from one seed; `made` counts the providers, so that each has a number of its own."""

    def __init__(self, seed: str) -> None:
        self.draw, self.made = random.Random(seed), 0

    def names(self, tx: Tx) -> None:
        """The custom names that traits and classes have."""
        tx.add_all([Trait(name=name) for name in TRAITS if name.startswith("CUSTOM_")])

    def world(self, tx: Tx) -> None:
        """A few trees, some of them sharing."""
        for _ in range(self.draw.randint(1, 4)):
            tree = [self.provider(tx, None)]
            for _ in range(self.draw.choice((0, 0, 1, 2, 4, 6))):
                tree.append(self.provider(tx, self.draw.choice(tree)))
            if self.draw.random() < 0.5:
                full = tx.get(Provider, tree[0])
                assert full is not None
                self._shares(tx, self.draw.choice(tree))

    def _shares(self, tx: Tx, id: str) -> None:
        if tx.get(ProviderTrait, id, SHARES) is None:
            tx.add(ProviderTrait(provider_id=id, trait=SHARES))

    def provider(self, tx: Tx, parent: str | None) -> str:
        """A provider with what it has."""
        self.made += 1
        id = provider_id(self.made)
        above = tx.get(Provider, parent) if parent else None
        root = above.root_id if above else id
        # Names in another order than the providers come, and than their ids.
        name = f"{self.draw.randrange(1000):03d}-{self.made}"
        tx.add(Provider(id=id, name=name, parent_id=parent, root_id=root))
        for resource in sorted(some(self.draw, CLASSES, 0.6)):
            tx.add(self._inventory(id, resource))
        self._retrait(tx, id)
        self._regroup(tx, id)
        return id

    def _inventory(self, id: str, name: str) -> Inventory:
        draw = self.draw
        total = draw.randint(2, 16)
        return Inventory(
            provider_id=id,
            resource_class=name,
            total=total,
            reserved=draw.choice((0, 0, 0, 0, 1, total)),
            min_unit=draw.choice((1, 1, 1, 2)),
            max_unit=draw.choice((2**31 - 1, 2**31 - 1, 3, 5)),
            step_size=draw.choice((1, 1, 1, 2)),
            allocation_ratio=draw.choice((1.0, 1.0, 1.5, 0.7, 16.0)),
            used=0,
        )

    def _retrait(self, tx: Tx, id: str) -> None:
        tx.remove_where(ProviderTrait, provider_id=id)
        traits = some(self.draw, TRAITS, 0.45) | some(self.draw, [SHARES], 0.1)
        tx.add_all([ProviderTrait(provider_id=id, trait=name) for name in sorted(traits)])

    def _regroup(self, tx: Tx, id: str) -> None:
        tx.remove_where(ProviderAggregate, provider_id=id)
        groups = sorted(some(self.draw, AGGREGATES, 0.4))
        tx.add_all([ProviderAggregate(provider_id=id, aggregate_id=one) for one in groups])

    def change(self, tx: Tx) -> None:
        """Change a world somehow."""
        ids = sorted(p.id for p in tx.all(Provider))
        often = (self._claim, self._claim, self._restock, self._retrait, self._regroup)
        kinds = (*often, *often, self._move, self._drop)
        for _ in range(self.draw.randint(1, 2)):
            if not ids or self.draw.random() < 0.08:
                ids.append(self.provider(tx, self.draw.choice([None, *ids])))
            else:
                self.draw.choice(kinds)(tx, self.draw.choice(ids))
                ids = sorted(p.id for p in tx.all(Provider))

    def _claim(self, tx: Tx, id: str) -> None:
        consumer = f"c0000000-0000-4000-8000-{self.draw.randrange(20):012d}"
        rows = tx.all(Inventory, provider_id=id)
        wanted = {row.resource_class: row.min_unit * row.step_size for row in rows[:2]}
        try:
            claims.claim(tx, consumer, "p", "u", id, wanted)
        except claims.NoCapacity:
            claims.release(tx, consumer)

    def _restock(self, tx: Tx, id: str) -> None:
        name = self.draw.choice(CLASSES)
        row = tx.get(Inventory, id, name)
        if row is not None and row.used:
            tx.change(row, total=row.total + 1)
        else:
            tx.remove_where(Inventory, provider_id=id, resource_class=name)
            if row is None or self.draw.random() < 0.5:
                tx.add(self._inventory(id, name))
        tx.increase(Provider, "generation", id=id)

    def _move(self, tx: Tx, id: str) -> None:
        """Another parent, or none."""
        rows = {p.id: p for p in tx.all(Provider)}
        below = {id}
        while more := {p.id for p in rows.values() if p.parent_id in below} - below:
            below |= more
        parent = self.draw.choice([None, *sorted(rows.keys() - below)])
        root = rows[parent].root_id if parent else id
        tx.change(rows[id], parent_id=parent)
        tx.set(Provider, Provider.id.in_(sorted(below)), root_id=root)

    def _drop(self, tx: Tx, id: str) -> None:
        for number in range(20):
            claims.release(tx, f"c0000000-0000-4000-8000-{number:012d}", id)
        if not tx.exists(Provider, parent_id=id):
            provide.provider_remove(tx, id)

    def request(self, ids: list[str]) -> Request:
        """Something that may be asked of these providers."""
        draw = self.draw
        minor = draw.choice(MINORS)
        suffixes = [""] if draw.random() < 0.7 else []
        if minor >= 25:
            count = draw.choice((0, 1, 2, 2, 3)) if suffixes else draw.randint(1, 3)
            suffixes += [f"_{n}" if minor >= 33 else str(n) for n in range(1, count + 1)]
        suffixes = suffixes or [""]
        request = Request({s: self._group(s, minor, ids) for s in suffixes}, minor=minor)
        numbered = [s for s in suffixes if s]
        if minor >= 25 and numbered:
            request.isolate = draw.random() < 0.4
        if minor >= 36 and len(numbered) > 1 and draw.random() < 0.5:
            request.same_subtree = [set(draw.sample(numbered, draw.randint(2, len(numbered))))]
            bare = draw.choice(sorted(request.same_subtree[0]))
            if draw.random() < 0.5 and sum(bool(g.resources) for g in request.groups.values()) > 1:
                group = request.groups[bare]
                group.resources = {}
                if draw.random() < 0.3:
                    group.in_tree = draw.choice([*ids, provider_id(999_999)])
                if group == Group():
                    group.required = [{draw.choice(TRAITS)}]
        if minor >= 35 and draw.random() < 0.2:
            request.root_required = some(draw, TRAITS, 0.2)
            request.root_forbidden = some(draw, TRAITS, 0.2) - request.root_required
        return request

    def _group(self, suffix: str, minor: int, ids: list[str]) -> Group:
        draw = self.draw
        names = draw.sample(CLASSES, draw.choice((1, 1, 2, 3) if not suffix else (1, 1, 2)))
        found = Group({name: draw.choice((1, 1, 1, 1, 2, 2, 3)) for name in names})
        if minor >= 17 and draw.random() < 0.3:
            found.required = [{t} for t in sorted(some(draw, TRAITS, 0.3))]
            if minor >= 39 and draw.random() < 0.5:
                found.required.append(set(draw.sample(TRAITS, 2)))
        if minor >= 22 and draw.random() < 0.2:
            wanted = set[str]().union(*found.required)
            found.forbidden = some(draw, (*TRAITS, SHARES), 0.3) - wanted
        if minor >= 24 and draw.random() < 0.2:
            found.member_of = [set(draw.sample(AGGREGATES, draw.randint(1, 3)))]
            if draw.random() < 0.3:
                found.member_of.append({draw.choice(AGGREGATES)})
        if minor >= 32 and draw.random() < 0.2:
            found.outside = set(draw.sample(AGGREGATES, draw.randint(1, 2)))
        if minor >= 31 and draw.random() < 0.12:
            found.in_tree = draw.choice([*ids, provider_id(999_999)])
        return found


def query(request: Request) -> list[tuple[str, str]]:
    """The request as query parameters."""
    found = []
    for suffix, group in request.groups.items():
        if group.resources:
            text = ",".join(f"{name}:{amount}" for name, amount in group.resources.items())
            found.append((f"resources{suffix}", text))
        traits = [next(iter(one)) for one in group.required if len(one) == 1]
        traits += [f"!{one}" for one in sorted(group.forbidden)]
        if traits:
            found.append((f"required{suffix}", ",".join(traits)))
        found += [
            (f"required{suffix}", f"in:{','.join(sorted(one))}")
            for one in group.required
            if len(one) > 1
        ]
        found += [(f"member_of{suffix}", f"in:{','.join(sorted(one))}") for one in group.member_of]
        if group.outside:
            found.append((f"member_of{suffix}", f"!in:{','.join(sorted(group.outside))}"))
        if group.in_tree:
            found.append((f"in_tree{suffix}", group.in_tree))
    if sum(bool(suffix) for suffix in request.groups) > 1 or request.isolate:
        found.append(("group_policy", "isolate" if request.isolate else "none"))
    roots = sorted(request.root_required) + [f"!{one}" for one in sorted(request.root_forbidden)]
    if roots:
        found.append(("root_required", ",".join(roots)))
    found += [("same_subtree", ",".join(sorted(one))) for one in request.same_subtree]
    return found
