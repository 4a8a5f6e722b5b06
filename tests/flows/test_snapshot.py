"""Snapshots survive crashes at any line, a host that refuses, images and servers that go."""

from typing import Any

from pileus.core.backend import Broken, Refused

from .crash import World, everywhere
from .images import forget, snapshots
from .servers import clean, do, gone, made, remove, show


def at_rest(world: World, server_id: str) -> None:
    server = show(world, server_id)
    assert (server["status"], server["OS-EXT-STS:task_state"]) == ("ACTIVE", None)
    clean(world)


def test_a_snapshot_that_crashes_anywhere_comes_about(world: World) -> None:
    def arrange(world: World) -> str:
        return do(world, made(world), createImage={"name": "snap"})

    def check(world: World, server_id: str) -> None:
        at_rest(world, server_id)
        assert [image.status for image in snapshots(world)] == ["active"]
        forget(world)
        remove(world, server_id)

    points = everywhere("server.snapshot", world, arrange, check)

    assert points > 50


def test_a_refused_snapshot_that_crashes_anywhere_leaves_no_image(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = made(world)
        world.machine.compute.fail_next("copied", Refused("cannot be read"))
        return do(world, server_id, createImage={"name": "snap"})

    def check(world: World, server_id: str) -> None:
        at_rest(world, server_id)
        # A crash between the refusal and its report makes the agent ask again, and succeed.
        assert [image.status for image in snapshots(world)] in ([], ["active"])
        forget(world)
        remove(world, server_id)

    everywhere("server.snapshot, refused", world, arrange, check)


def test_a_backup_that_crashes_anywhere_leaves_as_many_as_asked_for(world: World) -> None:
    def backup(world: World, server_id: str, name: str) -> str:
        body: dict[str, Any] = {"name": name, "backup_type": "daily", "rotation": 1}
        return do(world, server_id, createBackup=body)

    def arrange(world: World) -> str:
        server_id = backup(world, made(world), "first")
        world.settle()
        return backup(world, server_id, "second")

    def check(world: World, server_id: str) -> None:
        at_rest(world, server_id)
        assert [image.name for image in snapshots(world)] == ["second"]
        forget(world)
        remove(world, server_id)

    everywhere("server.snapshot, backup", world, arrange, check)


def test_a_delete_during_a_snapshot_that_crashes_anywhere_leaves_nothing(world: World) -> None:
    def arrange(world: World) -> str:
        server_id = do(world, made(world), createImage={"name": "snap"})
        world.app.engine.settle()
        assert world.call("DELETE", f"/servers/{server_id}")[0] == 204
        return server_id

    def check(world: World, server_id: str) -> None:
        assert snapshots(world) == []
        gone(world, server_id)

    everywhere("server.delete during snapshot", world, arrange, check)


def test_an_image_deleted_in_the_middle_leaves_nothing(world: World) -> None:
    server_id = do(world, made(world), createImage={"name": "snap"})
    world.app.engine.settle()
    forget(world)

    world.settle()

    assert snapshots(world) == []
    at_rest(world, server_id)


def test_a_host_that_fails_is_asked_no_more_and_leaves_nothing(world: World) -> None:
    server_id = made(world)
    world.machine.compute.fail_next("copied", Broken("the disk is bad"))

    do(world, server_id, createImage={"name": "snap"})
    world.settle()

    assert snapshots(world) == []
    at_rest(world, server_id)


def test_every_step_of_a_backup_may_run_twice(world: World) -> None:
    world.repeat_steps()
    body = {"name": "one", "backup_type": "daily", "rotation": 1}
    server_id = do(world, made(world), createBackup=body)

    world.settle()

    assert [image.name for image in snapshots(world)] == ["one"]
    at_rest(world, server_id)
