"""How many servers a host may have, and how many may be made, moved or copied there at once."""

from collections.abc import Iterator

from ..scene import Scene
from ..wish import Wish
from .check import Check


def servers(_wish: Wish, scene: Scene) -> Iterator[Check]:
    """NumInstancesFilter: max_instances_per_host, unless an aggregate of the host's says more."""
    most, own = scene.settings.max_instances_per_host, scene.smallest("max_instances_per_host")
    yield (
        f"fewer than {most} servers",
        lambda host: host.host in own or scene.servers_on.get(host.host, 0) < most,
    )


def servers_by_aggregate(_wish: Wish, scene: Scene) -> Iterator[Check]:
    """AggregateNumInstancesFilter: the smallest of what the host's aggregates say."""
    own = scene.smallest("max_instances_per_host")
    if own:
        yield (
            "fewer servers than its aggregates' max_instances_per_host",
            lambda host: scene.servers_on.get(host.host, 0) < own.get(host.host, float("inf")),
        )


def operations(_wish: Wish, scene: Scene) -> Iterator[Check]:
    """IoOpsFilter: max_io_ops_per_host, unless an aggregate of the host's says more."""
    most, own = scene.settings.max_io_ops_per_host, scene.smallest("max_io_ops_per_host")
    yield (
        f"fewer than {most} servers being made, moved or copied",
        lambda host: host.host in own or scene.busy_on.get(host.host, 0) < most,
    )


def operations_by_aggregate(_wish: Wish, scene: Scene) -> Iterator[Check]:
    """AggregateIoOpsFilter: the smallest of what the host's aggregates say."""
    own = scene.smallest("max_io_ops_per_host")
    if own:
        yield (
            "less busy than its aggregates' max_io_ops_per_host",
            lambda host: scene.busy_on.get(host.host, 0) < own.get(host.host, float("inf")),
        )
