"""Lost flows of servers between two hosts: found, started again, and carried to their end."""

from ..flows.conftest import second, world
from ..flows.crash import World
from ..flows.hosts import SECOND, Second, host_of, running
from ..flows.servers import clean, do, made, show
from ..flows.test_evacuate import back, dead
from ..flows.test_live import move, statuses
from .test_restarts import lose_and_mend, unfinished

__all__ = ["second", "world"]
AGAIN = "the change is started again"


def runs_on(world: World, second: Second, server: str, host: str) -> None:
    found = show(world, server)
    assert (found["status"], found["OS-EXT-STS:task_state"]) == ("ACTIVE", None)
    assert host_of(world, server) == host
    assert running(world, second) == [host]
    assert unfinished(world, server) == []
    clean(world)


def test_a_lost_evacuation_is_started_again(world: World, second: Second) -> None:
    server = do(world, dead(world, second), evacuate={})
    world.app.engine.settle()

    assert lose_and_mend(world, server) == AGAIN

    runs_on(world, second, server, "host-1")
    assert statuses(world, server) == ["done"]
    back(world, second)
    runs_on(world, second, server, "host-1")


def test_a_lost_evacuation_that_was_not_begun_leaves_the_server_off(
    world: World, second: Second
) -> None:
    server = do(world, dead(world, second), evacuate={})

    assert lose_and_mend(world, server) == AGAIN

    assert show(world, server)["status"] == "SHUTOFF"
    clean(world)


def test_a_lost_move_is_started_again(world: World, second: Second) -> None:
    server = do(world, made(world), migrate=None)
    world.app.engine.settle()
    world.act()

    assert lose_and_mend(world, server) == AGAIN

    assert show(world, server)["status"] == "VERIFY_RESIZE"
    assert running(world, second) == [SECOND]
    clean(world)


def test_a_lost_live_migration_that_is_handed_over_is_ended(world: World, second: Second) -> None:
    server = move(world, made(world))
    for _ in range(2):
        world.app.engine.settle()
        world.act()
    world.app.engine.settle()
    assert statuses(world, server) == ["post-migrating"]

    assert lose_and_mend(world, server) == AGAIN

    runs_on(world, second, server, SECOND)
    assert statuses(world, server) == ["completed"]
