"""What must hold of placement's rows, and the gauges made of them."""

from collections.abc import Iterable
from functools import partial

import sqlalchemy as sa

from ..core.audit import Invariant, Violation
from ..core.db import Tx
from ..core.metrics import Sample
from ..core.parts import Parts
from .claims import release
from .rows import Allocation, Consumer, Inventory, Provider


def _sums() -> sa.Subquery:
    return (
        sa.select(
            Allocation.provider_id,
            Allocation.resource_class,
            sa.func.sum(Allocation.used).label("sum"),
        )
        .group_by(Allocation.provider_id, Allocation.resource_class)
        .subquery()
    )


def _within(_parts: Parts, tx: Tx) -> Iterable[str | Violation]:
    sums = _sums()
    summed = sa.func.coalesce(sums.c.sum, 0)
    query = (
        sa.select(Inventory.table, summed.label("sum"))
        .outerjoin(
            sums,
            sa.and_(
                sums.c.provider_id == Inventory.provider_id,
                sums.c.resource_class == Inventory.resource_class,
            ),
        )
        .where(
            sa.or_(
                summed != Inventory.used,
                summed > (Inventory.total - Inventory.reserved) * Inventory.allocation_ratio,
            )
        )
    )
    for row in tx.execute(query).mappings():
        where = f"provider {row['provider_id']}, {row['resource_class']}"
        if row["sum"] != row["used"]:
            yield Violation(
                f"{where}: {row['used']} counted as used, its allocations add up to {row['sum']}",
                "`used` is counted again from the allocations",
                partial(_recount, row["provider_id"], row["resource_class"]),
            )
        else:
            capacity = int((row["total"] - row["reserved"]) * row["allocation_ratio"])
            yield f"{where}: {row['sum']} allocated of a capacity of {capacity}"


def _recount(provider_id: str, resource_class: str, tx: Tx) -> None:
    mine = sa.select(sa.func.coalesce(sa.func.sum(Allocation.used), 0)).where(
        Allocation.provider_id == provider_id, Allocation.resource_class == resource_class
    )
    tx.set(
        Inventory,
        Inventory.provider_id == provider_id,
        Inventory.resource_class == resource_class,
        used=mine.scalar_subquery(),
    )
    tx.increase(Provider, "generation", id=provider_id)


def _owned(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    holders = sa.select(Allocation.consumer_id)
    for consumer in tx.all(Consumer, Consumer.id.not_in(holders)):
        yield Violation(
            f"consumer {consumer.id} holds no allocation",
            "its row is removed",
            partial(_drop_consumer, consumer.id),
        )
    owned = sa.select(Consumer.id)
    stray = sa.select(Allocation.consumer_id).where(Allocation.consumer_id.not_in(owned)).distinct()
    for id in tx.execute(stray).scalars():
        yield Violation(
            f"allocations of {id} have no consumer",
            "they are given back",
            partial(release, consumer_id=id),
        )


def _drop_consumer(consumer_id: str, tx: Tx) -> None:
    if not tx.exists(Allocation, consumer_id=consumer_id):
        tx.remove_where(Consumer, id=consumer_id)


INVARIANTS = (
    Invariant("I1", "Nothing is allocated beyond capacity, and `used` is the sum.", _within),
    Invariant("I2", "Every allocation has a consumer, and every consumer an allocation.", _owned),
)

_GAUGES = {
    "total": "How much of a resource class a provider has",
    "reserved": "How much of it is set aside",
    "allocation_ratio": "How often it may be given out",
    "usage": "How much of it is allocated",
}


def samples(tx: Tx) -> Iterable[Sample]:
    """Gauges under the openstack-exporter's names, from two queries."""
    yield Sample("openstack_placement_up", 1, {}, "Whether placement answers")
    query = sa.select(Inventory.table, Provider.name).join(
        Provider.table, Provider.id == Inventory.provider_id
    )
    for row in tx.execute(query).mappings():
        labels = {"hostname": row["name"], "resourcetype": row["resource_class"]}
        values = dict(row) | {"usage": row["used"]}
        for gauge, text in _GAUGES.items():
            yield Sample(f"openstack_placement_resource_{gauge}", values[gauge], labels, text)
    consumers = sa.func.count(sa.distinct(Allocation.consumer_id)).label("count")
    providers = (
        sa.select(Provider.name, Provider.generation, consumers)
        .outerjoin(Allocation.table, Allocation.provider_id == Provider.id)
        .group_by(Provider.id, Provider.name, Provider.generation)
    )
    for one in tx.execute(providers).mappings():
        labels = {"hostname": one["name"]}
        yield Sample("openstack_placement_resource_generation", one["generation"], labels)
        yield Sample("openstack_placement_resource_provider_allocations", one["count"], labels)
