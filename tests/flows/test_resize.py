"""Resizes survive crashes at any line, a host that refuses, and a delete in the middle."""

import pytest

from pileus.core.backend import Refused

from .crash import World, everywhere
from .servers import clean, do, gone, made, remove, show

FLOWS = {"server.resize", "server.confirm_resize", "server.revert_resize"}
SMALL, LARGE = "m1.nano", "m1.tiny"


def resized(world: World) -> str:
    """A server that waits to be confirmed."""
    server_id = do(world, made(world), resize={"flavorRef": "1"})
    world.settle()
    assert show(world, server_id)["status"] == "VERIFY_RESIZE"
    return server_id


def flavor_of(world: World, server_id: str) -> str:
    return str(show(world, server_id)["flavor"]["original_name"])


def test_a_resize_that_crashes_anywhere_is_there_to_verify(world: World) -> None:
    def arrange(world: World) -> str:
        return do(world, made(world), resize={"flavorRef": "1"})

    def check(world: World, server_id: str) -> None:
        found = show(world, server_id)
        assert (found["status"], flavor_of(world, server_id)) == ("VERIFY_RESIZE", LARGE)
        clean(world)
        remove(world, server_id)

    points = everywhere("server.resize", world, arrange, check)

    assert points > 30


@pytest.mark.parametrize(("action", "flavor"), [("confirmResize", LARGE), ("revertResize", SMALL)])
def test_the_end_of_a_resize_that_crashes_anywhere_comes_about(
    world: World, action: str, flavor: str
) -> None:
    def arrange(world: World) -> str:
        return do(world, resized(world), **{action: None})

    def check(world: World, server_id: str) -> None:
        found = show(world, server_id)
        assert (found["status"], flavor_of(world, server_id)) == ("ACTIVE", flavor)
        assert not any(guest.aside for guest in world.machine.compute._guests.values())
        clean(world)
        remove(world, server_id)

    points = everywhere(action, world, arrange, check)

    assert points > 30


def test_a_refused_resize_that_crashes_anywhere_leaves_the_old_size(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        world.machine.compute.fail_next("ensure", Refused("no room"))
        return do(world, server_id, resize={"flavorRef": "1"})

    def check(world: World, server_id: str) -> None:
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        found = show(world, server_id)
        if found["status"] != "VERIFY_RESIZE":
            assert (found["status"], flavor_of(world, server_id)) == ("ACTIVE", SMALL)
        clean(world)
        remove(world, server_id)

    everywhere("server.resize, refused", world, arrange, check)


def test_a_delete_during_a_resize_that_crashes_anywhere_leaves_nothing(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = do(world, made(world), resize={"flavorRef": "1"})
        assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
        return server_id

    everywhere("server.delete during resize", world, arrange, gone)


@pytest.mark.parametrize("end", ["confirmResize", "revertResize"])
def test_every_step_of_a_resize_may_run_twice(world: World, end: str) -> None:
    world.repeat_steps()
    server_id = resized(world)

    do(world, server_id, **{end: None})
    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)


def test_every_undo_of_a_resize_may_run_twice(world: World) -> None:
    world.repeat_steps()
    server_id = made(world)
    world.machine.compute.fail_next("ensure", Refused("no"))

    do(world, server_id, resize={"flavorRef": "1"})
    world.settle()

    assert (show(world, server_id)["status"], flavor_of(world, server_id)) == ("ACTIVE", SMALL)
    clean(world)


def test_a_refused_revert_ends_in_error_with_the_old_size(world: World) -> None:
    server_id = resized(world)
    world.machine.compute.fail_next("ensure", Refused("no"))

    do(world, server_id, revertResize=None)
    world.settle()

    found = show(world, server_id)
    assert (found["status"], flavor_of(world, server_id)) == ("ERROR", SMALL)
    clean(world)


def test_a_stopped_server_is_resized_without_being_started(world: World) -> None:
    server_id = do(world, made(world), **{"os-stop": None})
    world.settle()

    do(world, server_id, resize={"flavorRef": "1"})
    world.settle()
    do(world, server_id, confirmResize=None)
    world.settle()

    assert show(world, server_id)["status"] == "SHUTOFF"
    clean(world)


def test_an_admin_who_resets_the_state_ends_the_resize(world: World) -> None:
    server_id = resized(world)

    do(world, server_id, **{"os-resetState": {"state": "active"}})
    world.settle()

    found = show(world, server_id)
    assert (found["status"], flavor_of(world, server_id)) == ("ACTIVE", LARGE)
    clean(world)
    remove(world, server_id)
