"""Servers of a world that may die: asked for, looked at, removed."""

from typing import Any

from pileus.core.ids import derived
from pileus.first_image import NAME

from .crash import World


def make(world: World, **more: Any) -> str:
    """Ask for a server and return its id; nothing has been done for it yet."""
    body = {
        "name": "crash",
        "flavorRef": "42",
        "imageRef": derived("first image", world.config.seed, NAME),
        "networks": "none",
        **more,
    }
    status, answer = world.call("POST", "/servers", {"server": body})
    assert status == 202, answer
    return str(answer["server"]["id"])


def made(world: World) -> str:
    """A server that is active."""
    server_id = make(world)
    world.settle()
    assert show(world, server_id)["status"] == "ACTIVE"
    return server_id


def show(world: World, server_id: str) -> dict[str, Any]:
    status, answer = world.call("GET", f"/servers/{server_id}")
    assert status == 200, answer
    return dict(answer["server"])


def do(world: World, server_id: str, **action: Any) -> str:
    status, answer = world.call("POST", f"/servers/{server_id}/action", action)
    assert status in (200, 202, 204), answer
    return server_id


def gone(world: World, server_id: str) -> None:
    """Nothing of the server is left anywhere."""
    assert world.call("GET", f"/servers/{server_id}")[0] == 404
    assert world.machine.compute.observe() == []
    assert not world.machine.host_network.plugged()
    clean(world)


def clean(world: World) -> None:
    assert world.audit() == []


def remove(world: World, server_id: str) -> None:
    assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
    world.settle()
    gone(world, server_id)
