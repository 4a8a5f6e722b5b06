"""The tables: providers in trees, what they have, and who uses it."""

import sqlalchemy as sa

from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Float, Int, Text, Uuid, When

MOST = 2**31 - 1
DEFAULT_TYPE = "unknown"


class Provider(Resource):
    """A resource provider. `generation` grows with every change to it or to its use."""

    one, many = "resource_provider", "resource_providers"
    table_name = "placement_providers"

    id = attr(Uuid(), key=True, default=new_uuid)
    name = attr(Text(200, 1))
    generation = attr(Int(), default=0)
    parent_id = attr(Uuid(), null=True, references="placement_providers.id", index=True)
    root_id = attr(Uuid(), index=True)
    created_at = attr(When(), default=now)
    updated_at = attr(When(), default=now)
    constraints = (sa.UniqueConstraint("name"),)


class Inventory(Resource):
    """How much of one resource class a provider has, and `used`: the sum of its allocations.

    The sum is kept so that a claim is one conditional write; invariant I1 proves it.
    """

    one, many = "inventory", "inventories"
    table_name = "placement_inventories"

    provider_id = attr(Uuid(), key=True, references="placement_providers.id")
    resource_class = attr(Text(255), key=True, index=True)
    total = attr(Int(0, MOST))
    reserved = attr(Int(0, MOST), default=0)
    min_unit = attr(Int(1, MOST), default=1)
    max_unit = attr(Int(1, MOST), default=MOST)
    step_size = attr(Int(1, MOST), default=1)
    allocation_ratio = attr(Float(0, 3.40282e38), default=1.0)
    used = attr(Int(), default=0)
    updated_at = attr(When(), default=now)

    @property
    def capacity(self) -> int:
        """What may be allocated in all."""
        return int((self.total - self.reserved) * self.allocation_ratio)


class ProviderTrait(Resource):
    """A provider has a trait."""

    one, many = "provider_trait", "provider_traits"
    table_name = "placement_provider_traits"

    provider_id = attr(Uuid(), key=True, references="placement_providers.id")
    trait = attr(Text(255), key=True, index=True)


class ProviderAggregate(Resource):
    """A provider belongs to an aggregate."""

    one, many = "provider_aggregate", "provider_aggregates"
    table_name = "placement_provider_aggregates"

    provider_id = attr(Uuid(), key=True, references="placement_providers.id")
    aggregate_id = attr(Uuid(), key=True, index=True)


class Trait(Resource):
    """A custom trait; the standard ones are in no table."""

    one, many = "trait", "traits"
    table_name = "placement_traits"

    name = attr(Text(255), key=True)
    created_at = attr(When(), default=now)


class ResourceClass(Resource):
    """A custom resource class; the standard ones are in no table."""

    one, many = "resource_class", "resource_classes"
    table_name = "placement_resource_classes"

    name = attr(Text(255), key=True)
    created_at = attr(When(), default=now)


class Consumer(Resource):
    """Whoever holds allocations: a row exists as long as one of them does."""

    one, many = "consumer", "consumers"
    table_name = "placement_consumers"

    id = attr(Uuid(), key=True)
    project_id = attr(Text(255), index=True)
    user_id = attr(Text(255))
    consumer_type = attr(Text(255), default=DEFAULT_TYPE)
    generation = attr(Int(), default=1)
    created_at = attr(When(), default=now)
    updated_at = attr(When(), default=now)


class Allocation(Resource):
    """A consumer's share of one inventory."""

    one, many = "allocation", "allocations"
    table_name = "placement_allocations"

    consumer_id = attr(Uuid(), key=True, references="placement_consumers.id")
    provider_id = attr(Uuid(), key=True, index=True)
    resource_class = attr(Text(255), key=True)
    used = attr(Int(1, MOST))
    updated_at = attr(When(), default=now)
    constraints = (
        sa.ForeignKeyConstraint(
            ["provider_id", "resource_class"],
            ["placement_inventories.provider_id", "placement_inventories.resource_class"],
            name="fk_placement_allocations_inventory",
        ),
    )
