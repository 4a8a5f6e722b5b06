"""Aggregates that are kept for some projects, or for some flavors."""

from collections.abc import Iterator

from ..scene import Scene
from ..wish import Wish
from .check import Check

_TENANTS = "filter_tenant_id"  # and filter_tenant_id2, …: one value holds few ids


def tenants(wish: Wish, scene: Scene) -> Iterator[Check]:
    """AggregateMultiTenancyIsolation: an aggregate that names projects is for those."""
    kept = {
        host: {one.strip() for meta in metas for text in meta.values() for one in text.split(",")}
        for host, metas in scene.said(lambda key: key.startswith(_TENANTS)).items()
    }
    if kept:
        yield (
            "not kept by its aggregates for other projects",
            lambda host: host.host not in kept or wish.project_id in kept[host.host],
        )


def flavors(wish: Wish, scene: Scene) -> Iterator[Check]:
    """AggregateTypeAffinityFilter: an aggregate that names flavors is for those."""
    kept = {
        host: {one.strip() for text in texts for one in text.split(",")}
        for host, texts in scene.values("instance_type").items()
    }
    if kept:
        name = wish.flavor.get("name", "")
        yield (
            "not kept by its aggregates for other flavors",
            lambda host: host.host not in kept or name in kept[host.host],
        )
