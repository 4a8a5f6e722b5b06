"""Whether a host is there at all, and whether it is the one, or in the zone, that is asked for."""

from collections.abc import Iterator

from ...host import ComputeHost, host_id
from ..scene import Scene
from ..wish import Wish
from .check import Check


def up(_wish: Wish, scene: Scene) -> Iterator[Check]:
    """ComputeFilter: its service is enabled and has been heard of."""
    yield "enabled and up", lambda host: not host.disabled and host.up(scene.tx)


def zone(wish: Wish, _scene: Scene) -> Iterator[Check]:
    """AvailabilityZoneFilter."""
    if wish.zone:
        yield f"availability zone {wish.zone}", lambda host: host.zone == wish.zone


def named(wish: Wish, _scene: Scene) -> Iterator[Check]:
    """The host that is asked for by its name."""
    if wish.host:
        yield f"host {wish.host}", lambda host: wish.host in (host.host, host.hostname)


def other(wish: Wish, _scene: Scene) -> Iterator[Check]:
    """None of those that the server cannot go to: it is there, or it was tried in vain."""
    if wish.avoid:
        yield wish.why_avoid, lambda host: host.host not in wish.avoid


def alike(wish: Wish, scene: Scene) -> Iterator[Check]:
    """A guest that runs finds the same machine at the other host, or cannot go on there."""
    own = scene.tx.get(ComputeHost, host_id(wish.like)) if wish.like else None
    if own is not None:
        machine = _machine(own)
        yield f"a machine like host {own.host} ({machine})", lambda host: _machine(host) == machine


def _machine(host: ComputeHost) -> str:
    return f"{host.accelerator}, {host.arch}, {host.cpu_model}"
