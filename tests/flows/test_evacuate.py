"""Evacuations survive crashes at any line, and a host that comes back from the dead."""

from pileus.compute.host import ComputeHost, host_id
from pileus.core.backend import Refused

from .crash import World, everywhere
from .hosts import SECOND, Second, host_of, running
from .servers import clean, do, gone, make, remove, show

FLOWS = {"server.evacuate"}


def service(world: World, **change: object) -> None:
    def change_it(tx: object) -> str:
        found = tx.get(ComputeHost, host_id(SECOND))  # type: ignore[attr-defined]
        return str(found.service_id)

    path = f"/os-services/{world.app.db.read(change_it)}"
    status, answer = world.call("PUT", path, change)
    assert status == 200, answer


def dead(world: World, second: Second) -> str:
    """A server whose host has died, and was fenced."""
    server_id = make(world, availability_zone=f"nova:{SECOND}")
    world.settle()
    assert running(world, second) == [SECOND]
    second.alive = False
    second.driver.crash(server_id)
    service(world, forced_down=True)
    return server_id


def back(world: World, second: Second) -> None:
    second.alive = True
    world.settle()
    assert second.driver.observe() == []
    assert not second.cable.plugged()
    service(world, forced_down=False)


def test_an_evacuation_that_crashes_anywhere_comes_about(world: World, second: Second) -> None:
    def arrange(world: World) -> str:
        return do(world, dead(world, second), evacuate={})

    def check(world: World, server_id: str) -> None:
        assert (show(world, server_id)["status"], host_of(world, server_id)) == ("ACTIVE", "host-1")
        assert running(world, second) == ["host-1"]
        clean(world)
        back(world, second)
        assert running(world, second) == ["host-1"]
        clean(world)
        remove(world, server_id)

    points = everywhere("server.evacuate", world, arrange, check)

    assert points > 30


def test_a_refused_evacuation_ends_in_error_and_is_done_again(world: World, second: Second) -> None:
    server_id = dead(world, second)
    world.machine.compute.fail_next("ensure", Refused("no room"))  # type: ignore[attr-defined]

    do(world, server_id, evacuate={})
    world.settle()

    assert show(world, server_id)["status"] == "ERROR"
    clean(world)
    back(world, second)
    do(world, server_id, rebuild={"imageRef": show(world, server_id)["image"]["id"]})
    world.settle()
    assert (show(world, server_id)["status"], running(world, second)) == ("ACTIVE", ["host-1"])
    clean(world)


def test_a_server_deleted_while_its_host_is_dead_goes_from_it_when_it_is_back(
    world: World, second: Second
) -> None:
    server_id = dead(world, second)

    assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
    world.settle()

    gone(world, server_id)
    assert [one.id for one in second.driver.observe()] == [server_id]
    back(world, second)
    clean(world)


def test_every_step_of_an_evacuation_may_run_twice(world: World, second: Second) -> None:
    world.repeat_steps()
    server_id = dead(world, second)

    do(world, server_id, evacuate={})
    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)
