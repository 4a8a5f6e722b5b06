"""Live migrations survive crashes at any line; at no moment do two guests run."""

from dataclasses import replace

import pytest

from pileus.compute.migration import Migration
from pileus.core.backend import Refused

from .crash import World, everywhere
from .hosts import SECOND, Second, host_of, nowhere, remove_from_both, running
from .servers import clean, do, made, show

FLOWS = {"server.live_migration"}
AUTO = {"host": None, "block_migration": "auto"}


def move(world: World, server_id: str) -> str:
    return do(world, server_id, **{"os-migrateLive": AUTO})


def statuses(world: World, server_id: str) -> list[str]:
    rows = world.app.db.read(lambda tx: tx.all(Migration, server_id=server_id))
    return [row.status for row in rows]


def test_a_live_migration_that_crashes_anywhere_comes_about(world: World, second: Second) -> None:
    def arrange(world: World) -> str:
        return move(world, made(world))

    def check(world: World, server_id: str) -> None:
        assert (show(world, server_id)["status"], host_of(world, server_id)) == ("ACTIVE", SECOND)
        assert running(world, second) == [SECOND]
        assert second.driver._guests[server_id].content == "made on host-1, build 0"
        assert statuses(world, server_id) == ["completed"]
        clean(world)
        remove_from_both(world, second, server_id)

    points = everywhere("server.live_migration", world, arrange, check)

    assert points > 50


@pytest.mark.parametrize("operation", ["arrive", "ensure"])
def test_a_refused_live_migration_that_crashes_anywhere_leaves_the_server_where_it_was(
    world: World, second: Second, operation: str
) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        second.driver.fail_next(operation, Refused("no room"))  # type: ignore[arg-type]
        return move(world, server_id)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "ACTIVE"
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        assert running(world, second) == [host_of(world, server_id)]
        clean(world)
        remove_from_both(world, second, server_id)

    everywhere(f"server.live_migration, refused in {operation}", world, arrange, check)


def test_an_aborted_live_migration_leaves_the_server_where_it_was(
    world: World, second: Second
) -> None:
    server_id = move(world, made(world))
    world.app.engine.settle()
    world.act()
    world.app.engine.settle()
    number = world.call("GET", f"/servers/{server_id}/migrations")[1]["migrations"][0]["id"]

    assert world.call("DELETE", f"/servers/{server_id}/migrations/{number}")[0] == 202
    world.app.engine.settle()
    second.alive = False  # the first one hears of it before the second one calls for the guest
    world.act()
    second.alive = True
    world.settle()

    assert (show(world, server_id)["status"], host_of(world, server_id)) == ("ACTIVE", "host-1")
    assert running(world, second) == ["host-1"]
    assert world.machine.compute._guests[server_id].boots == 1  # type: ignore[attr-defined]
    assert statuses(world, server_id) == ["cancelled"]
    assert world.call("DELETE", f"/servers/{server_id}/migrations/{number}")[0] == 400
    clean(world)


def test_an_abort_that_comes_after_the_hand_over_changes_nothing(
    world: World, second: Second
) -> None:
    server_id = move(world, made(world))
    world.app.engine.settle()
    world.act()
    world.app.engine.settle()
    second.act()
    assert running(world, second) == [SECOND]
    number = world.call("GET", f"/servers/{server_id}/migrations")[1]["migrations"][0]["id"]

    assert world.call("DELETE", f"/servers/{server_id}/migrations/{number}")[0] == 202
    world.settle()

    assert (show(world, server_id)["status"], host_of(world, server_id)) == ("ACTIVE", SECOND)
    assert running(world, second) == [SECOND]
    assert statuses(world, server_id) == ["completed"]
    clean(world)


def test_a_delete_during_a_live_migration_that_crashes_anywhere_leaves_nothing(
    world: World, second: Second
) -> None:
    def arrange(world: World) -> str:
        server_id = move(world, made(world))
        world.app.engine.settle()
        world.act()
        assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
        return server_id

    def check(world: World, server_id: str) -> None:
        nowhere(world, second, server_id)

    everywhere("server.delete during live migration", world, arrange, check)


def test_a_source_whose_agent_starts_again_after_the_hand_over_does_not_start_the_guest(
    world: World, second: Second
) -> None:
    server_id = move(world, made(world))
    for _ in range(3):
        world.app.engine.settle()
        world.act()
    assert running(world, second) == [SECOND]

    world.live()  # every agent gets everything again
    world.act()

    assert running(world, second) == [SECOND]
    world.settle()
    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)


def test_every_step_of_a_live_migration_may_run_twice(world: World, second: Second) -> None:
    world.repeat_steps()
    server_id = do(world, made(world), pause=None)
    world.settle()

    move(world, server_id)
    world.settle()

    assert (show(world, server_id)["status"], host_of(world, server_id)) == ("PAUSED", SECOND)
    clean(world)


def test_a_guest_goes_on_only_where_it_finds_the_machine_that_it_knows(
    world: World, second: Second
) -> None:
    second.driver._facts = replace(second.driver._facts, accelerator="kvm")
    second.act()
    server_id = made(world)

    status, why = world.call("POST", f"/servers/{server_id}/action", {"os-migrateLive": AUTO})

    assert status == 400
    assert "a machine like host host-1 (simulated, x86_64, simulated) left 0" in why
    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)
