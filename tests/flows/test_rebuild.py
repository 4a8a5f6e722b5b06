"""Rebuilds survive crashes at any line and a host that refuses."""

from pileus.core.backend import Refused
from pileus.core.ids import derived
from pileus.first_image import NAME

from .crash import World, everywhere
from .servers import clean, do, made, remove, show


def rebuild(world: World, server_id: str) -> str:
    image = derived("first image", world.config.seed, NAME)
    return do(world, server_id, rebuild={"imageRef": image, "name": "again"})


def test_a_rebuild_that_crashes_anywhere_comes_about(world: World) -> None:
    def arrange(world: World) -> str:
        return rebuild(world, made(world))

    def check(world: World, server_id: str) -> None:
        found = show(world, server_id)
        assert (found["status"], found["name"]) == ("ACTIVE", "again")
        assert world.machine.compute._guests[server_id].boots == 2
        clean(world)
        remove(world, server_id)

    points = everywhere("server.rebuild", world, arrange, check)

    assert points > 30


def test_a_refused_rebuild_that_crashes_anywhere_can_be_repeated(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        world.machine.compute.fail_next("ensure", Refused("no such image"))
        return rebuild(world, server_id)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] in ("ERROR", "ACTIVE")
        clean(world)
        rebuild(world, server_id)
        world.settle()
        assert show(world, server_id)["status"] == "ACTIVE"
        clean(world)
        remove(world, server_id)

    everywhere("server.rebuild, refused", world, arrange, check)


def test_every_step_of_a_rebuild_may_run_twice(world: World) -> None:
    world.repeat_steps()
    server_id = rebuild(world, made(world))

    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)


def test_a_stopped_server_stays_off(world: World) -> None:
    server_id = do(world, made(world), **{"os-stop": None})
    world.settle()

    rebuild(world, server_id)
    world.settle()

    assert show(world, server_id)["status"] == "SHUTOFF"
    clean(world)
