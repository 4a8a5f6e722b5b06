"""Interfaces are attached and detached whatever crashes, and given back where that fails."""

from typing import Any

import pytest

from pileus.core.backend import Refused

from .crash import World, everywhere
from .servers import clean, made, remove


@pytest.fixture
def network_id(world: World) -> str:
    status, made_network = world.network("POST", "/networks", {"network": {"name": "n"}})
    assert status == 201, made_network
    found = str(made_network["network"]["id"])
    subnet = {"network_id": found, "cidr": "10.5.0.0/24", "ip_version": 4}
    assert world.network("POST", "/subnets", {"subnet": subnet})[0] == 201
    return found


def attach(world: World, server_id: str, network_id: str) -> str:
    body = {"interfaceAttachment": {"net_id": network_id}}
    status, answer = world.call("POST", f"/servers/{server_id}/os-interface", body)
    assert status == 200, answer
    return str(answer["interfaceAttachment"]["port_id"])


def ports(world: World, server_id: str) -> list[Any]:
    found = world.call("GET", f"/servers/{server_id}/os-interface")[1]
    return list(found["interfaceAttachments"])


def nics(world: World, server_id: str) -> int:
    return len(world.machine.compute._guests[server_id].nics)


def test_an_attachment_that_crashes_anywhere_comes_about(world: World, network_id: str) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        attach(world, server_id, network_id)
        return server_id

    def check(world: World, server_id: str) -> None:
        assert (len(ports(world, server_id)), nics(world, server_id)) == (1, 1)
        assert len(world.machine.host_network.plugged()) == 1
        clean(world)
        remove(world, server_id)

    everywhere("server.attach_interface", world, arrange, check)


def test_a_detachment_that_crashes_anywhere_comes_about(world: World, network_id: str) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        port_id = attach(world, server_id, network_id)
        world.settle()
        status, answer = world.call("DELETE", f"/servers/{server_id}/os-interface/{port_id}")
        assert status == 202, answer
        return server_id

    def check(world: World, server_id: str) -> None:
        assert (ports(world, server_id), nics(world, server_id)) == ([], 0)
        clean(world)
        remove(world, server_id)

    everywhere("server.detach_interface", world, arrange, check)


def test_a_refused_attachment_that_crashes_anywhere_is_all_or_nothing(
    world: World, network_id: str
) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        world.machine.compute.fail_next("ensure", Refused("no slot"))
        attach(world, server_id, network_id)
        return server_id

    def check(world: World, server_id: str) -> None:
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        assert len(ports(world, server_id)) == nics(world, server_id)
        clean(world)
        remove(world, server_id)

    everywhere("server.attach_interface, refused", world, arrange, check)


def test_a_refused_detachment_keeps_the_interface(world: World, network_id: str) -> None:
    server_id = made(world)
    port_id = attach(world, server_id, network_id)
    world.settle()
    world.machine.compute.fail_next("ensure", Refused("busy"))

    world.call("DELETE", f"/servers/{server_id}/os-interface/{port_id}")
    world.settle()

    assert (len(ports(world, server_id)), nics(world, server_id)) == (1, 1)
    clean(world)


def test_every_step_may_run_twice(world: World, network_id: str) -> None:
    world.repeat_steps()
    server_id = made(world)
    port_id = attach(world, server_id, network_id)
    world.settle()
    assert nics(world, server_id) == 1

    world.call("DELETE", f"/servers/{server_id}/os-interface/{port_id}")
    world.settle()

    assert nics(world, server_id) == 0
    clean(world)
