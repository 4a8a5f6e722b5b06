"""Shelving and unshelving survive crashes at any line, and hosts that refuse."""

from pileus.core.backend import Refused

from .crash import World, everywhere
from .images import forget, snapshots
from .servers import clean, do, gone, made, remove, show

FLOWS = {"server.shelve", "server.offload", "server.unshelve", "server.delete_shelved"}


def shelved(world: World) -> str:
    server_id = do(world, made(world), shelve=None)
    world.settle()
    assert show(world, server_id)["status"] == "SHELVED_OFFLOADED"
    return server_id


def test_shelving_that_crashes_anywhere_comes_about(world: World) -> None:
    def arrange(world: World) -> str:
        return do(world, made(world), shelve=None)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "SHELVED_OFFLOADED"
        assert world.machine.compute.observe() == []
        assert [image.status for image in snapshots(world)] == ["active"]
        clean(world)
        remove(world, server_id)
        assert snapshots(world) == []

    points = everywhere("server.shelve", world, arrange, check)

    assert points > 50


def test_unshelving_that_crashes_anywhere_comes_about(world: World) -> None:
    def arrange(world: World) -> str:
        return do(world, shelved(world), unshelve=None)

    def check(world: World, server_id: str) -> None:
        assert show(world, server_id)["status"] == "ACTIVE"
        assert snapshots(world) == []
        clean(world)
        remove(world, server_id)

    points = everywhere("server.unshelve", world, arrange, check)

    assert points > 50


def test_deleting_a_shelved_server_that_crashes_anywhere_leaves_nothing(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = shelved(world)
        assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
        return server_id

    def check(world: World, server_id: str) -> None:
        assert snapshots(world) == []
        gone(world, server_id)

    everywhere("server.delete_shelved", world, arrange, check)


def test_refused_shelving_that_crashes_anywhere_leaves_the_server_as_it_was(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        world.machine.compute.fail_next("copied", Refused("cannot be read"))
        return do(world, server_id, shelve=None)

    def check(world: World, server_id: str) -> None:
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        if show(world, server_id)["status"] != "SHELVED_OFFLOADED":
            assert show(world, server_id)["status"] == "ACTIVE"
            assert snapshots(world) == []
        clean(world)
        remove(world, server_id)

    everywhere("server.shelve, refused", world, arrange, check)


def test_refused_unshelving_that_crashes_anywhere_stays_shelved(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = shelved(world)
        world.machine.compute.fail_next("ensure", Refused("no room"))
        return do(world, server_id, unshelve=None)

    def check(world: World, server_id: str) -> None:
        found = show(world, server_id)
        assert found["status"] in ("SHELVED_OFFLOADED", "ACTIVE")
        if found["status"] == "SHELVED_OFFLOADED":
            assert len(snapshots(world)) == 1
        clean(world)
        remove(world, server_id)

    everywhere("server.unshelve, refused", world, arrange, check)


def test_a_delete_during_shelving_leaves_nothing(world: World) -> None:
    server_id = do(world, made(world), shelve=None)
    world.app.engine.settle()
    world.act()
    world.app.engine.settle()

    remove(world, server_id)

    assert snapshots(world) == []


def test_every_step_may_run_twice(world: World) -> None:
    world.repeat_steps()
    server_id = shelved(world)
    do(world, server_id, unshelve=None)

    world.settle()

    assert show(world, server_id)["status"] == "ACTIVE"
    clean(world)


def test_a_server_whose_image_is_gone_stays_shelved(world: World) -> None:
    server_id = shelved(world)
    forget(world)

    do(world, server_id, unshelve=None)
    world.settle()

    assert show(world, server_id)["status"] == "SHELVED_OFFLOADED"
    clean(world)
