"""The filters, in the order in which they are asked."""

from collections.abc import Iterator, Mapping

from ..scene import Scene
from ..wish import Wish
from . import cells, extra_specs, group, image, load, near, query, state, tenancy, traits
from .check import Check, Filter

__all__ = ["Check", "checks"]

_ALWAYS: tuple[Filter, ...] = (
    state.up,
    state.zone,
    state.named,
    state.other,
    state.alike,
    traits.traits,
    traits.isolated,
)
_BY_NAME: Mapping[str, Filter] = {
    "ImagePropertiesFilter": image.properties,
    "ComputeCapabilitiesFilter": extra_specs.capabilities,
    "AggregateInstanceExtraSpecsFilter": extra_specs.aggregates,
    "AggregateMultiTenancyIsolation": tenancy.tenants,
    "AggregateTypeAffinityFilter": tenancy.flavors,
    "AggregateImagePropertiesIsolation": image.isolation,
    "IsolatedHostsFilter": image.isolated,
    "NumInstancesFilter": load.servers,
    "AggregateNumInstancesFilter": load.servers_by_aggregate,
    "IoOpsFilter": load.operations,
    "AggregateIoOpsFilter": load.operations_by_aggregate,
    "SameHostFilter": near.same_host,
    "DifferentHostFilter": near.different_host,
    "JsonFilter": query.query,
    "NUMATopologyFilter": cells.cells,
    "ServerGroupAffinityFilter": group.affinity,
    "ServerGroupAntiAffinityFilter": group.anti_affinity,
}


# What a host is asked that the server is on already, when its flavor or its image changes.
_STAYING = (
    traits.traits,
    traits.isolated,
    image.properties,
    image.isolation,
    image.isolated,
    extra_specs.capabilities,
    extra_specs.aggregates,
    tenancy.flavors,
)


def checks(wish: Wish, scene: Scene) -> Iterator[Check]:
    """All that is asked of a host for this wish. Raises BadRequest for a hint that is none."""
    enabled = scene.settings.enabled_filters
    for each in (*_ALWAYS, *(one for name, one in _BY_NAME.items() if name in enabled)):
        if not scene.staying or each in _STAYING:
            yield from each(wish, scene)
