"""Servers survive crashes at any line of their flows, and drivers that fail."""

from typing import Any

import pytest

from pileus import compute
from pileus.core.backend import Broken, Busy, Refused

from .crash import World, everywhere
from .servers import clean, do, gone, made, make, remove, show
from .test_evacuate import FLOWS as EVACUATIONS
from .test_live import FLOWS as LIVE
from .test_move import FLOWS as MOVES
from .test_resize import FLOWS as RESIZES
from .test_shelve import FLOWS as SHELVES


def test_a_create_that_crashes_anywhere_ends_active(world: World) -> None:
    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "ACTIVE"
        clean(world)
        remove(world, server_id)

    points = everywhere("server.create", world, make, check)

    assert points > 50


def test_a_delete_that_crashes_anywhere_leaves_nothing(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
        return server_id

    points = everywhere("server.delete", world, arrange, gone)

    assert points > 30


def test_a_delete_right_after_the_create_crashes_anywhere(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = make(world)
        assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
        return server_id

    points = everywhere("server.delete during create", world, arrange, gone)

    assert points > 30


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ({"os-stop": None}, "SHUTOFF"),
        ({"pause": None}, "PAUSED"),
        ({"suspend": None}, "SUSPENDED"),
        ({"reboot": {"type": "HARD"}}, "ACTIVE"),
    ],
)
def test_a_change_of_power_that_crashes_anywhere_comes_about(
    world: World, action: dict[str, Any], status: str
) -> None:
    def arrange(world: World) -> str:
        return do(world, made(world), **action)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == status
        clean(world)
        remove(world, server_id)

    points = everywhere(f"server.power {next(iter(action))}", world, arrange, check)

    assert points > 30


def test_a_refused_create_that_crashes_anywhere_ends_in_error_holding_nothing(
    world: World,
) -> None:
    def arrange(world: World) -> str:
        server_id = make(world)
        world.machine.compute.fail_next("ensure", Refused("the image is broken"))
        return server_id

    def check(world: World, server_id: str) -> None:
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        found = show(world, server_id)
        assert found["status"] in ("ERROR", "ACTIVE")
        if found["status"] == "ERROR":
            assert "the image is broken" in found["fault"]["message"]
            assert world.machine.compute.observe() == []
        clean(world)
        remove(world, server_id)

    points = everywhere("server.create, refused", world, arrange, check)

    assert points > 80


def test_a_refused_stop_leaves_the_server_as_it_was(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        world.machine.compute.fail_next("ensure", Refused("it will not stop"))
        return do(world, server_id, **{"os-stop": None})

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] in ("ACTIVE", "SHUTOFF")
        clean(world)
        remove(world, server_id)

    everywhere("server.power, refused", world, arrange, check)


@pytest.mark.parametrize("problem", [Busy("later"), Broken("the hypervisor is down")])
def test_a_removal_never_gives_up(world: World, problem: Exception) -> None:
    server_id = made(world)
    for _ in range(3):
        world.machine.compute.fail_next("remove", problem)
    world.call("DELETE", f"/servers/{server_id}")

    world.settle()

    gone(world, server_id)


def test_a_busy_host_is_asked_again(world: World) -> None:
    for _ in range(3):
        world.machine.compute.fail_next("ensure", Busy("later"))
    server_id = make(world)

    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"


def test_every_step_may_run_twice(world: World) -> None:
    world.repeat_steps()
    server_id = made(world)
    do(world, server_id, **{"os-stop": None})
    world.settle()
    assert show(world, server_id)["status"] == "SHUTOFF"
    do(world, server_id, **{"os-start": None})
    world.settle()
    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)

    remove(world, server_id)


def test_every_undo_may_run_twice(world: World) -> None:
    world.repeat_steps()
    server_id = make(world)
    world.machine.compute.fail_next("ensure", Refused("no"))

    world.settle()

    assert show(world, server_id)["status"] == "ERROR"
    clean(world)


def test_a_guest_that_powers_itself_off_is_shut_off_and_stays_so(world: World) -> None:
    server_id = made(world)
    world.machine.compute.crash(server_id)

    world.look()
    world.settle()

    assert show(world, server_id)["status"] == "SHUTOFF"
    clean(world)


def test_every_flow_of_the_service_is_crashed_here() -> None:
    assert {flow.name for flow in compute.FLOWS} == {
        "server.create",
        "server.delete",
        "server.power",
        "server.rebuild",
        "server.snapshot",
        "server.attach_interface",
        "server.detach_interface",
        "server.rescue",
        "server.unrescue",
        *SHELVES,
        *RESIZES,
        *MOVES,
        *LIVE,
        *EVACUATIONS,
    }
