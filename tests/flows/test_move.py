"""Moves between hosts survive crashes at any line, hosts that refuse, and deletes."""

import pytest

from pileus.core.backend import Broken, Refused

from .crash import World, everywhere
from .hosts import SECOND, Second, host_of, nowhere, remove_from_both, running
from .servers import clean, do, made, show

FLOWS = {"server.move", "server.confirm_move", "server.revert_move"}


def moved(world: World) -> str:
    """A server on the second host that waits to be confirmed."""
    server_id = do(world, made(world), migrate=None)
    world.settle()
    assert show(world, server_id)["status"] == "VERIFY_RESIZE"
    return server_id


def test_a_migration_that_crashes_anywhere_is_there_to_verify(world: World, second: Second) -> None:
    def arrange(world: World) -> str:
        return do(world, made(world), migrate=None)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "VERIFY_RESIZE"
        assert host_of(world, server_id) == SECOND
        assert running(world, second) == [SECOND]
        assert second.driver._guests[server_id].content == "made on host-1, build 0"
        clean(world)
        remove_from_both(world, second, server_id)

    points = everywhere("server.move", world, arrange, check)

    assert points > 50


@pytest.mark.parametrize(("end", "host"), [("confirmResize", SECOND), ("revertResize", "host-1")])
def test_the_end_of_a_migration_that_crashes_anywhere_comes_about(
    world: World, second: Second, end: str, host: str
) -> None:
    def arrange(world: World) -> str:
        return do(world, moved(world), **{end: None})

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "ACTIVE"
        assert host_of(world, server_id) == host
        assert running(world, second) == [host]
        guests = [*world.machine.compute._guests.values(), *second.driver._guests.values()]
        assert [guest.content for guest in guests] == ["made on host-1, build 0"]
        clean(world)
        remove_from_both(world, second, server_id)

    points = everywhere(f"{end} of a move", world, arrange, check)

    assert points > 30


@pytest.mark.parametrize("problem", [Refused("no room"), Broken("the disk is full")])
@pytest.mark.parametrize("operation", ["arrive", "ensure"])
def test_a_refused_migration_that_crashes_anywhere_leaves_the_server_where_it_was(
    world: World, second: Second, operation: str, problem: Exception
) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        second.driver.fail_next(operation, problem)  # type: ignore[arg-type]
        return do(world, server_id, migrate=None)

    def check(world: World, server_id: str) -> None:
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        if show(world, server_id)["status"] != "VERIFY_RESIZE":
            assert show(world, server_id)["status"] == "ACTIVE"
            assert host_of(world, server_id) == "host-1"
            assert running(world, second) == ["host-1"]
            assert second.driver.observe() == []
        clean(world)
        remove_from_both(world, second, server_id)

    everywhere(f"server.move, refused in {operation}", world, arrange, check)


def test_a_delete_during_a_migration_that_crashes_anywhere_leaves_nothing(
    world: World, second: Second
) -> None:
    def arrange(world: World) -> str:
        server_id = do(world, made(world), migrate=None)
        for _ in range(2):
            world.app.engine.settle()
            world.act()
        assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
        return server_id

    def check(world: World, server_id: str) -> None:
        nowhere(world, second, server_id)

    everywhere("server.delete during move", world, arrange, check)


@pytest.mark.parametrize("end", ["confirmResize", "revertResize"])
def test_every_step_of_a_migration_may_run_twice(world: World, second: Second, end: str) -> None:
    world.repeat_steps()
    server_id = moved(world)

    do(world, server_id, **{end: None})
    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)


def test_every_undo_of_a_migration_may_run_twice(world: World, second: Second) -> None:
    world.repeat_steps()
    server_id = made(world)
    second.driver.fail_next("arrive", Refused("no"))

    do(world, server_id, migrate=None)
    world.settle()

    assert (show(world, server_id)["status"], host_of(world, server_id)) == ("ACTIVE", "host-1")
    clean(world)


def test_a_stopped_server_moves_there_and_back_without_being_started(
    world: World, second: Second
) -> None:
    server_id = do(world, made(world), **{"os-stop": None})
    world.settle()

    for host in (SECOND, "host-1"):
        do(world, server_id, migrate=None)
        world.settle()
        do(world, server_id, confirmResize=None)
        world.settle()
        assert (show(world, server_id)["status"], host_of(world, server_id)) == ("SHUTOFF", host)
        assert running(world, second) == []
        clean(world)
    assert world.machine.compute._guests[server_id].content == "made on host-1, build 0"
