"""A server whose host refuses or fails is tried on another host, and the first keeps nothing."""

from pileus.core.backend import Refused

from .crash import World
from .hosts import SECOND, Second, host_of
from .test_server import clean, make, remove, show


def test_a_server_that_its_host_refuses_runs_on_another(world: World, second: Second) -> None:
    world.machine.compute.fail_next("ensure", Refused("no disk left"))

    server_id = make(world)
    assert host_of(world, server_id) == "host-1"
    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    assert host_of(world, server_id) == SECOND
    assert world.machine.compute.observe() == []
    assert [seen.id for seen in second.driver.observe()] == [server_id]
    clean(world)
    remove(world, server_id)
    assert second.driver.observe() == []


def test_a_server_that_every_host_refuses_is_an_error_with_the_last_reason(
    world: World, second: Second
) -> None:
    world.machine.compute.fail_next("ensure", Refused("no disk left"))
    second.driver.fail_next("ensure", Refused("no memory left"))

    server_id = make(world)
    world.settle()

    shown = show(world, server_id)
    assert shown["status"] == "ERROR"
    assert "no memory left" in shown["fault"]["message"]
    assert host_of(world, server_id) is None
    assert world.machine.compute.observe() == [] and second.driver.observe() == []
    clean(world)
    remove(world, server_id)
