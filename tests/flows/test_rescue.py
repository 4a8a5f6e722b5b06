"""Rescues survive crashes at any line and hosts that refuse."""

import pytest

from pileus.core.backend import Refused

from .crash import World, everywhere
from .servers import clean, do, made, remove, show


def rescued(world: World) -> str:
    server_id = rescue(world, made(world))
    world.settle()
    assert show(world, server_id)["status"] == "RESCUE"
    return server_id


def rescue(world: World, server_id: str) -> str:
    action = {"rescue": None}
    status, answer = world.call("POST", f"/servers/{server_id}/action", action)
    assert status == 200 and answer["adminPass"]
    return server_id


def test_a_rescue_that_crashes_anywhere_comes_about(world: World) -> None:
    def arrange(world: World) -> str:
        return rescue(world, made(world))

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "RESCUE"
        disks = [one.split(" ")[0] for one in world.machine.compute._guests[server_id].disks]
        assert disks == ["disk", "disk.rescue"]
        clean(world)
        remove(world, server_id)

    points = everywhere("server.rescue", world, arrange, check)

    assert points > 50


def test_an_unrescue_that_crashes_anywhere_comes_about(world: World) -> None:
    def arrange(world: World) -> str:
        return do(world, rescued(world), unrescue=None)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "ACTIVE"
        assert len(world.machine.compute._guests[server_id].disks) == 1
        clean(world)
        remove(world, server_id)

    points = everywhere("server.unrescue", world, arrange, check)

    assert points > 50


@pytest.mark.parametrize("good", [0, 1])
def test_a_refused_rescue_that_crashes_anywhere_leaves_the_server_as_it_was(
    world: World, good: int
) -> None:
    def arrange(world: World) -> str:
        server_id = rescue(world, made(world))
        for _ in range(good):
            world.app.engine.settle()
            world.act()
        world.machine.compute.fail_next("ensure", Refused("no"))
        return server_id

    def check(world: World, server_id: str) -> None:
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        assert show(world, server_id)["status"] in ("ACTIVE", "RESCUE")
        clean(world)
        remove(world, server_id)

    everywhere(f"server.rescue, refused after {good}", world, arrange, check)


def test_every_step_may_run_twice(world: World) -> None:
    world.repeat_steps()
    server_id = do(world, rescued(world), unrescue=None)

    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)


def test_a_refused_unrescue_ends_in_error(world: World) -> None:
    server_id = rescued(world)
    world.machine.compute.fail_next("ensure", Refused("no"))

    do(world, server_id, unrescue=None)
    world.settle()

    assert show(world, server_id)["status"] == "ERROR"
    clean(world)
