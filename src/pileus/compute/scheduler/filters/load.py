"""How many servers a host may have, and how many may be made, moved or copied there at once."""

from collections.abc import Callable, Iterator, Mapping

from ..scene import Scene
from ..wish import Wish
from .check import Check, Filter


def _fewer(
    what: str, setting: str, counted: Callable[[Scene], Mapping[str, int]]
) -> tuple[Filter, Filter]:
    """Two filters: fewer than the setting, unless an aggregate of the host's says another number.

    And fewer than the smallest that the host's aggregates say under the setting's name.
    """

    def everywhere(_wish: Wish, scene: Scene) -> Iterator[Check]:
        most, own = getattr(scene.settings, setting), scene.smallest(setting)
        yield (
            f"fewer than {most} {what}",
            lambda host: host.host in own or counted(scene).get(host.host, 0) < most,
        )

    def by_aggregate(_wish: Wish, scene: Scene) -> Iterator[Check]:
        own = scene.smallest(setting)
        if own:
            yield (
                f"fewer {what} than its aggregates' {setting}",
                lambda host: counted(scene).get(host.host, 0) < own.get(host.host, float("inf")),
            )

    return everywhere, by_aggregate


# NumInstancesFilter, AggregateNumInstancesFilter.
servers, servers_by_aggregate = _fewer(
    "servers", "max_instances_per_host", lambda scene: scene.servers_on
)
# IoOpsFilter, AggregateIoOpsFilter.
operations, operations_by_aggregate = _fewer(
    "servers being made, moved or copied", "max_io_ops_per_host", lambda scene: scene.busy_on
)
