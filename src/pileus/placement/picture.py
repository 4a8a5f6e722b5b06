"""All providers with what they have, read in four queries, for the search for candidates."""

from collections.abc import Iterable, Mapping, Sequence

from ..core.db import Tx
from .rows import Inventory, Provider, ProviderAggregate, ProviderTrait

SHARES = "MISC_SHARES_VIA_AGGREGATE"
_NONE: frozenset[str] = frozenset()


class Picture:
    """Providers, inventories, traits and aggregates at one moment."""

    def __init__(self, tx: Tx) -> None:
        self.providers = {p.id: p for p in tx.all(Provider, order=[Provider.name])}
        self.roots = [p.id for p in self.providers.values() if p.parent_id is None]
        self._stock: dict[str, dict[str, Inventory]] = {}
        for row in tx.all(Inventory):
            self._stock.setdefault(row.provider_id, {})[row.resource_class] = row
        self._traits = _sets((r.provider_id, r.trait) for r in tx.all(ProviderTrait))
        self._aggregates = _sets((r.provider_id, r.aggregate_id) for r in tx.all(ProviderAggregate))
        self._trees: dict[str, list[str]] = {}
        for p in self.providers.values():
            self._trees.setdefault(p.root_id, []).append(p.id)
        self._sharers = self._find_sharers()

    def _find_sharers(self) -> dict[str, list[str]]:
        """Which providers share with a tree, by the tree's root."""
        members: dict[str, set[str]] = {}
        for id, ids in self._aggregates.items():
            for aggregate in ids:
                members.setdefault(aggregate, set()).add(self.providers[id].root_id)
        found: dict[str, list[str]] = {}
        for id in self.providers:
            if SHARES in self.traits(id):
                for root in set[str]().union(*(members[a] for a in self.aggregates(id))):
                    if root != self.providers[id].root_id:
                        found.setdefault(root, []).append(id)
        return found

    def pool(self, root: str) -> Sequence[str]:
        """The providers of this tree, and those that share with it."""
        return self._trees[root] + self._sharers.get(root, [])

    def tree(self, root: str) -> Sequence[str]:
        """The providers of this tree."""
        return self._trees[root]

    def root_of(self, provider: str) -> str | None:
        """The root of a provider's tree, if there is such a provider."""
        found = self.providers.get(provider)
        return found.root_id if found else None

    def ancestry(self, provider: str) -> frozenset[str]:
        """The provider and all above it."""
        found = set()
        at: str | None = provider
        while at is not None:
            found.add(at)
            at = self.providers[at].parent_id
        return frozenset(found)

    def traits(self, provider: str) -> frozenset[str]:
        """The traits of a provider."""
        return self._traits.get(provider, _NONE)

    def aggregates(self, provider: str) -> frozenset[str]:
        """The aggregates of a provider."""
        return self._aggregates.get(provider, _NONE)

    def stock(self, provider: str) -> Mapping[str, Inventory]:
        """The inventories of a provider by resource class."""
        return self._stock.get(provider, {})

    def fits(self, provider: str, name: str, amount: int) -> bool:
        """Whether the provider can give `amount` in one piece, now."""
        row = self.stock(provider).get(name)
        return (
            row is not None
            and row.min_unit <= amount
            and amount % row.step_size == 0
            and self.has(provider, name, amount)
        )

    def has(self, provider: str, name: str, amount: int) -> bool:
        """Whether `amount`, maybe of several pieces that fit, is there in all."""
        row = self.stock(provider)[name]
        return row.used + amount <= row.capacity and amount <= row.max_unit


def _sets(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for id, value in pairs:
        found.setdefault(id, set()).add(value)
    return {id: frozenset(values) for id, values in found.items()}
