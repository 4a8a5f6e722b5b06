"""Allocation candidates by brute force: slow, and so plain that it can be believed.

Every way to fill the slots of a request is tried, and each is asked every question of the API's
rules. It reads the rows and knows nothing of how the service searches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pileus.core.db import Tx
from pileus.placement.rows import Inventory, Provider, ProviderAggregate, ProviderTrait

SHARES = "MISC_SHARES_VIA_AGGREGATE"


@dataclass
class Group:
    """One request group. required, member_of: of each set one; forbidden, outside: none."""

    resources: dict[str, int] = field(default_factory=dict)
    required: list[set[str]] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)
    member_of: list[set[str]] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)
    in_tree: str = ""


@dataclass
class Request:
    groups: dict[str, Group]
    isolate: bool = False
    root_required: set[str] = field(default_factory=set)
    root_forbidden: set[str] = field(default_factory=set)
    same_subtree: list[set[str]] = field(default_factory=list)
    minor: int = 39


# ({(provider, class, amount)}, {(suffix, providers)})
Candidate = tuple[frozenset[tuple[str, str, int]], frozenset[tuple[str, frozenset[str]]]]


class World:
    """All providers, as the rows say."""

    def __init__(self, tx: Tx) -> None:
        self.parent = {p.id: p.parent_id for p in tx.all(Provider)}
        self.traits: dict[str, set[str]] = {p: set() for p in self.parent}
        self.aggregates: dict[str, set[str]] = {p: set() for p in self.parent}
        self.stock: dict[str, dict[str, Inventory]] = {p: {} for p in self.parent}
        for trait in tx.all(ProviderTrait):
            self.traits[trait.provider_id].add(trait.trait)
        for member in tx.all(ProviderAggregate):
            self.aggregates[member.provider_id].add(member.aggregate_id)
        for row in tx.all(Inventory):
            self.stock[row.provider_id][row.resource_class] = row

    def line(self, provider: str) -> list[str]:
        """The provider and all above it; the root comes last."""
        above = self.parent[provider]
        return [provider] if above is None else [provider, *self.line(above)]

    def root(self, provider: str) -> str:
        return self.line(provider)[-1]

    def pool(self, root: str) -> list[str]:
        """Who may give to a tree: its own providers, and those that share with one of them."""
        tree = [p for p in self.parent if self.root(p) == root]
        near = set[str]().union(*(self.aggregates[p] for p in tree))
        return [
            p
            for p in self.parent
            if p in tree or (SHARES in self.traits[p] and self.aggregates[p] & near)
        ]

    def fits(self, provider: str, name: str, amount: int) -> bool:
        row = self.stock[provider].get(name)
        return (
            row is not None
            and row.min_unit <= amount <= row.max_unit
            and amount % row.step_size == 0
            and row.used + amount <= (row.total - row.reserved) * row.allocation_ratio
        )


def candidates(world: World, request: Request) -> set[Candidate]:
    """Every candidate there is."""
    if any(g.in_tree and g.in_tree not in world.parent for g in request.groups.values()):
        return set()
    slots = [
        (suffix, resources)
        for suffix, group in request.groups.items()
        for resources in (
            [group.resources] if suffix else [{n: a} for n, a in group.resources.items()]
        )
    ]
    found = set()
    for root in (p for p, above in world.parent.items() if above is None):
        if not request.root_required <= world.traits[root]:
            continue
        if request.root_forbidden & world.traits[root]:
            continue
        pool = world.pool(root)
        able = [
            [p for p in pool if _may(world, request.groups[suffix], suffix, resources, p, root)]
            for suffix, resources in slots
        ]
        for chosen in product(*able):
            found |= set(_candidate(world, request, slots, chosen))
    return found


def _may(
    world: World, group: Group, suffix: str, resources: dict[str, int], provider: str, root: str
) -> bool:
    """Whether one provider, for itself, can fill one slot of a tree's candidate."""
    if not all(world.fits(provider, n, a) for n, a in resources.items()):
        return False
    traits, own = world.traits[provider], world.aggregates[provider]
    if group.forbidden & traits:
        return False
    if suffix:
        if not resources and not group.required and not group.member_of:
            return False  # nothing to be found by: upstream finds nobody
        if resources and group.in_tree and world.root(provider) != world.root(group.in_tree):
            return False  # upstream asks only those groups that have resources
        return (
            all(some & traits for some in group.required)
            and all(some & own for some in group.member_of)
            and not group.outside & own
        )
    if group.in_tree and not world.root(provider) == root == world.root(group.in_tree):
        return False
    # What the root is a member of, its whole tree is; but not what shares with the tree.
    spanning = world.aggregates[root]
    inside = all(some & own for some in group.member_of)
    if world.root(provider) == root:
        inside = inside or all(some & spanning for some in group.member_of)
    return inside and not group.outside & (own | spanning)


def _candidate(
    world: World, request: Request, slots: list[Any], chosen: tuple[str, ...]
) -> Iterator[Candidate]:
    amounts: dict[tuple[str, str], int] = {}
    mappings: dict[str, set[str]] = {suffix: set() for suffix in request.groups}
    for (suffix, resources), provider in zip(slots, chosen, strict=True):
        mappings[suffix].add(provider)
        for name, amount in resources.items():
            amounts[provider, name] = amounts.get((provider, name), 0) + amount
    for (provider, name), amount in amounts.items():
        row = world.stock[provider][name]
        if amount > row.max_unit:
            return
        if row.used + amount > int((row.total - row.reserved) * row.allocation_ratio):
            return
    spread = set[str]().union(*(world.traits[p] for p in mappings.get("", ())))
    if "" in request.groups and not all(some & spread for some in request.groups[""].required):
        return
    granular = [next(iter(providers)) for suffix, providers in mappings.items() if suffix]
    if request.isolate and len(set(granular)) < len(granular):
        return
    for suffixes in request.same_subtree:
        together = set[str]().union(*(mappings[suffix] for suffix in suffixes))
        if not any(all(top in world.line(p) for p in together) for top in together):
            return
    givers = {provider for provider, _ in amounts}
    if request.minor < 29 and len({world.root(p) for p in givers}) < len(givers):
        return
    yield (
        frozenset((p, name, amount) for (p, name), amount in amounts.items()),
        frozenset((suffix, frozenset(providers)) for suffix, providers in mappings.items()),
    )


def summaries(world: World, request: Request, found: set[Candidate]) -> dict[str, Any]:
    """The provider summaries of these candidates."""
    givers = {provider for shares, _ in found for provider, _, _ in shares}
    roots = {world.root(p) for p in givers}
    shown = givers if request.minor < 29 else {p for p in world.parent if world.root(p) in roots}
    asked = {name for group in request.groups.values() for name in group.resources}
    return {p: _summary(world, request.minor, asked, p) for p in shown}


def _summary(world: World, minor: int, asked: set[str], provider: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resources": {
            name: {
                "capacity": int((row.total - row.reserved) * row.allocation_ratio),
                "used": row.used,
            }
            for name, row in world.stock[provider].items()
            if minor >= 27 or name in asked
        }
    }
    if minor >= 17:
        found["traits"] = sorted(world.traits[provider])
    if minor >= 29:
        found["parent_provider_uuid"] = world.parent[provider]
        found["root_provider_uuid"] = world.root(provider)
    return found
