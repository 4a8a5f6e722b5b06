"""Server groups: all members on one host, or no more than so many on each."""

from collections.abc import Iterator

from ..scene import Scene
from ..wish import Wish
from .check import Check

HARD = ("affinity", "anti-affinity")


def affinity(_wish: Wish, scene: Scene) -> Iterator[Check]:
    """ServerGroupAffinityFilter: where the other members are."""
    if scene.group is not None and scene.group.policy == "affinity" and scene.mates_on:
        mates = scene.mates_on
        yield "server group affinity", lambda host: host.host in mates


def anti_affinity(_wish: Wish, scene: Scene) -> Iterator[Check]:
    """ServerGroupAntiAffinityFilter: where fewer members are than the group's rules let be."""
    if scene.group is not None and scene.group.policy == "anti-affinity":
        mates, most = scene.mates_on, int(scene.group.rules.get("max_server_per_host", 1))
        yield "server group anti-affinity", lambda host: mates.get(host.host, 0) < most
