"""Providers as other services keep them: put, remove, and what is used of them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import Conflict
from . import rows
from .index import TOPIC
from .rows import MOST, Allocation, Provider, ProviderAggregate, ProviderTrait


@dataclass(frozen=True)
class Inventory:
    """How much of a resource class a provider has. Units are those of the class (MB, GB, …)."""

    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    min_unit: int = 1
    max_unit: int = MOST
    step_size: int = 1


@dataclass(frozen=True)
class Usage:
    """What is used of one inventory, and out of what."""

    used: int
    total: int
    reserved: int
    ratio: float


def provider_put(
    tx: Tx,
    id: str,
    name: str,
    inventories: Mapping[str, Inventory],
    traits: Iterable[str],
    keep: bool = False,
    before: Iterable[str] = (),
    parent_id: str | None = None,
) -> None:
    """Make the provider `id` exist with exactly these inventories and traits.

    parent_id: the root that it is right below; None makes it a root itself.
    keep: what others have given it stays: inventories of other classes, allocation ratios, and the
        traits that were not there by this caller's wish, which were `before`. An inventory of
        nothing goes.

    The generation grows only when something changed. Raises Conflict when an inventory that would
    go is in use, or when another provider has the name.
    """
    found = tx.get(Provider, id)
    if found is None or found.name != name:
        other = tx.one(Provider, Provider.name == name, Provider.id != id)
        if other is not None:
            raise Conflict(
                f"Conflicting resource provider name: {name} already exists.",
                kind="placement.duplicate_name",
            )
    if found is None:
        found = tx.add(Provider(id=id, name=name, root_id=parent_id or id, parent_id=parent_id))
    wanted = set(traits)
    if keep:
        inventories = _with_others(tx, id, inventories)
        present = {row.trait for row in tx.all(ProviderTrait, provider_id=id)}
        wanted |= present - set(before)
    changed = found.name != name
    changed |= set_inventories(tx, id, inventories)
    changed |= set_traits(tx, id, wanted)
    if changed:
        tx.change(found, name=name, generation=found.generation + 1, updated_at=tx.now)
        tx.signal(TOPIC, id)


def _with_others(tx: Tx, provider_id: str, own: Mapping[str, Inventory]) -> dict[str, Inventory]:
    """These inventories, at the ratios that there are, and those that nobody speaks of here."""
    found = {name: one for name, one in own.items() if one.total}
    for row in tx.all(rows.Inventory, provider_id=provider_id):
        name = row.resource_class
        if name in found:
            found[name] = replace(found[name], allocation_ratio=row.allocation_ratio)
        elif name not in own or row.used:
            found[name] = Inventory(
                row.total,
                row.reserved,
                row.allocation_ratio,
                row.min_unit,
                row.max_unit,
                row.step_size,
            )
    return found


def set_inventories(tx: Tx, provider_id: str, wanted: Mapping[str, Inventory]) -> bool:
    """Make the provider's inventories exactly `wanted`; whether anything changed.

    Raises Conflict (placement.inventory.inuse) when one that would go is in use.
    """
    present = {row.resource_class: row for row in tx.all(rows.Inventory, provider_id=provider_id)}
    gone = present.keys() - wanted.keys()
    drop_inventories(tx, provider_id, [present[name] for name in sorted(gone)])
    changed = bool(gone)
    for name, values in wanted.items():
        row = present.get(name)
        if row is None:
            tx.add(rows.Inventory(provider_id=provider_id, resource_class=name, **asdict(values)))
            changed = True
        elif any(getattr(row, key) != value for key, value in asdict(values).items()):
            tx.change(row, **asdict(values), updated_at=tx.now)
            changed = True
    return changed


def ratio_put(tx: Tx, provider_id: str, resource_class: str, ratio: float) -> None:
    """Let the inventory have this allocation ratio; without an inventory, nothing happens.

    Raises Conflict when more is used than there would then be.
    """
    row = tx.get(rows.Inventory, provider_id, resource_class)
    if row is None or row.allocation_ratio == ratio:
        return
    capacity = int((row.total - row.reserved) * ratio)
    if row.used > capacity:
        raise Conflict(
            f"{row.used} {resource_class} of resource provider {provider_id} are used, and by an"
            f" allocation ratio of {ratio:g} there would be {capacity}."
        )
    tx.change(row, allocation_ratio=ratio, updated_at=tx.now)
    tx.increase(Provider, "generation", id=provider_id)
    tx.signal(TOPIC, provider_id)


def inventories(tx: Tx, provider_id: str) -> dict[str, Inventory]:
    """What the provider has, by resource class."""
    return {
        row.resource_class: Inventory(
            **{one.name: getattr(row, one.name) for one in fields(Inventory)}
        )
        for row in tx.all(rows.Inventory, provider_id=provider_id)
    }


def drop_inventories(
    tx: Tx,
    provider_id: str,
    gone: Iterable[rows.Inventory],
    kind: str = "placement.inventory.inuse",
) -> None:
    """Delete inventory rows. Raises Conflict, of this kind, when one of them is in use."""
    gone = list(gone)
    used = [row.resource_class for row in gone if row.used]
    if used:
        raise Conflict(
            f"Inventory for {', '.join(used)!r} on resource provider {provider_id!r} in use.",
            kind=kind,
        )
    for row in gone:
        tx.remove(row)


def set_traits(tx: Tx, provider_id: str, wanted: set[str]) -> bool:
    """Make the provider's traits exactly `wanted`; whether anything changed."""
    present = {row.trait for row in tx.all(ProviderTrait, provider_id=provider_id)}
    if present - wanted:
        tx.remove_where(ProviderTrait, provider_id=provider_id, trait=sorted(present - wanted))
    tx.add_all(
        [ProviderTrait(provider_id=provider_id, trait=name) for name in sorted(wanted - present)]
    )
    return present != wanted


def aggregate_add(tx: Tx, id: str, aggregate_id: str) -> None:
    """Let the provider belong to this aggregate; one that does, does."""
    found = tx.get(Provider, id)
    if found is None or tx.get(ProviderAggregate, id, aggregate_id) is not None:
        return
    tx.add(ProviderAggregate(provider_id=id, aggregate_id=aggregate_id))
    tx.change(found, generation=found.generation + 1, updated_at=tx.now)


def aggregate_remove(tx: Tx, id: str, aggregate_id: str) -> None:
    """Let the provider belong to this aggregate no more."""
    found = tx.get(Provider, id)
    if tx.remove_where(ProviderAggregate, provider_id=id, aggregate_id=aggregate_id) and found:
        tx.change(found, generation=found.generation + 1, updated_at=tx.now)


def provider_remove(tx: Tx, id: str) -> None:
    """Delete a provider and what it has. One that is gone is no error.

    Raises Conflict while it has children or something is allocated from it.
    """
    if tx.exists(Provider, parent_id=id):
        raise Conflict(
            f"Unable to delete parent resource provider {id}: It has child resource providers.",
            kind="placement.resource_provider.cannot_delete_parent",
        )
    if tx.exists(Allocation, provider_id=id):
        raise Conflict(
            f"Unable to delete resource provider {id}: Resource provider has allocations.",
            kind="placement.resource_provider.inuse",
        )
    tx.remove_where(rows.Inventory, provider_id=id)
    tx.remove_where(ProviderTrait, provider_id=id)
    tx.remove_where(ProviderAggregate, provider_id=id)
    tx.remove_where(Provider, id=id)
    tx.signal(TOPIC)


def tree_remove(tx: Tx, root_id: str) -> None:
    """Delete a root provider and all below it. One that is gone is no error.

    Raises Conflict while something is allocated from any of them.
    """
    left = {row.id: row for row in tx.all(Provider, root_id=root_id)}
    while left:
        above = {row.parent_id for row in left.values()}
        for id in left.keys() - above:
            provider_remove(tx, id)
            del left[id]


def below(tx: Tx, root_id: str) -> dict[str, str]:
    """The names of the providers right below a root, by their ids."""
    return {row.id: row.name for row in tx.all(Provider, parent_id=root_id)}


def unused_below(tx: Tx) -> list[tuple[str, str, str]]:
    """(root, provider, its name) of every provider below a root of which something is left."""
    return [(row[0], row[1], row[2]) for row in tx.execute(_unused())]


@cache
def _unused() -> sa.Select[Any]:
    i, p = rows.Inventory.table.c, Provider.table.c
    left = (i.total - i.reserved) * i.allocation_ratio > i.used
    joined = sa.select(p.root_id, p.id, p.name).join(rows.Inventory.table, i.provider_id == p.id)
    return joined.where(p.parent_id.is_not(None), left).distinct()


def held_of(tx: Tx, providers: Collection[str]) -> frozenset[str]:
    """Those of the providers of which something is allocated."""
    return frozenset(row.provider_id for row in tx.all(Allocation, provider_id=list(providers)))


def trait_put(tx: Tx, id: str, trait: str, has: bool) -> None:
    """Let the provider have this trait besides its others, or not; the others stay."""
    if has == (tx.get(ProviderTrait, id, trait) is not None):
        return
    if has:
        tx.add(ProviderTrait(provider_id=id, trait=trait))
    else:
        tx.remove_where(ProviderTrait, provider_id=id, trait=trait)
    tx.increase(Provider, "generation", id=id)
    tx.signal(TOPIC, id)


def usages(tx: Tx, providers: Collection[str] | None = None) -> dict[str, dict[str, Usage]]:
    """{provider: {resource class: usage}} of these providers, or of every one."""
    given: dict[str, Any] = {} if providers is None else {"provider_id": list(providers)}
    found: dict[str, dict[str, Usage]] = {}
    for row in tx.all(rows.Inventory, **given):
        found.setdefault(row.provider_id, {})[row.resource_class] = Usage(
            row.used, row.total, row.reserved, row.allocation_ratio
        )
    return found


def holding(
    consumer_id: "sa.ColumnElement[str]", provider_id: "sa.ColumnElement[str]"
) -> "sa.ColumnElement[bool]":
    """The condition on columns of another table: the one holds something of the other."""
    c = Allocation.table.c
    return sa.exists().where(c.consumer_id == consumer_id, c.provider_id == provider_id)


def with_trait(tx: Tx, trait: str) -> frozenset[str]:
    """The ids of the providers that have this trait."""
    return frozenset(tx.execute(_having(), {"own": trait}).scalars())


@cache
def _having() -> sa.Select[Any]:
    c = ProviderTrait.table.c
    return sa.select(c.provider_id).where(c.trait == sa.bindparam("own"))
