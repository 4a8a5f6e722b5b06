"""A change whose flow is lost is found, started again by the repair, and comes about."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pileus.compute.instance_action import InstanceAction
from pileus.compute.server import Server
from pileus.core.flow import FlowRow

from ..flows.crash import World
from ..flows.images import snapshots
from ..flows.servers import clean, do, gone, made, make, remove, show


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as state:
        one = World(Path(state))
        yield one
        one.app.let_go()


def resized(world: World) -> str:
    server = do(world, made(world), resize={"flavorRef": "84"})
    world.settle()
    assert show(world, server)["status"] == "VERIFY_RESIZE"
    return server


def acted(*, on: Callable[[World], str] = made, **action: Any) -> Callable[[World], str]:
    def act(world: World) -> str:
        server = on(world)
        status, answer = world.call("POST", f"/servers/{server}/action", action)
        assert status in (202, 204), answer
        return server

    return act


def deleted(world: World) -> str:
    return _delete(world, made(world))


def _delete(world: World, server: str) -> str:
    assert world.call("DELETE", f"/servers/{server}")[0] == 204
    return server


def rescue(world: World) -> str:
    server = made(world)
    status, _ = world.call("POST", f"/servers/{server}/action", {"rescue": None})
    assert status == 200
    return server


def going(arrange: Callable[[World], str], turns: int) -> Callable[[World], str]:
    """The same, with so many turns of everybody already taken."""

    def act(world: World) -> str:
        server = arrange(world)
        for _ in range(turns):
            world.app.engine.settle()
            world.act()
        world.app.engine.settle()
        return server

    return act


def rested(arrange: Callable[[World], str]) -> Callable[[World], str]:
    """The same once it has come about."""

    def act(world: World) -> str:
        server = arrange(world)
        world.settle()
        return server

    return act


def rebuild(world: World) -> str:
    server = made(world)
    return do(world, server, rebuild={"imageRef": show(world, server)["image"]["id"]})


SHELVE = acted(shelve=None)
UNSHELVE = acted(on=rested(SHELVE), unshelve=None)
SNAP = acted(createImage={"name": "snap"})
BACKUP = acted(createBackup={"name": "b", "backup_type": "daily", "rotation": 1})

CASES: dict[str, tuple[Callable[[World], str], str]] = {
    "create": (make, "ACTIVE"),
    "stop": (acted(**{"os-stop": None}), "SHUTOFF"),
    "pause": (acted(pause=None), "PAUSED"),
    "suspend": (acted(suspend=None), "SUSPENDED"),
    "reboot": (acted(reboot={"type": "HARD"}), "ACTIVE"),
    "resize": (acted(resize={"flavorRef": "84"}), "VERIFY_RESIZE"),
    "confirm": (acted(on=resized, confirmResize=None), "ACTIVE"),
    "revert": (acted(on=resized, revertResize=None), "ACTIVE"),
    "rebuild": (rebuild, "ACTIVE"),
    "rebuild, asked for": (going(rebuild, 0), "ACTIVE"),
    "rescue, asked for": (going(rescue, 1), "RESCUE"),
    "unrescue": (acted(on=rested(rescue), unrescue=None), "ACTIVE"),
    "unrescue, asked for": (going(acted(on=rested(rescue), unrescue=None), 1), "ACTIVE"),
    "shelve": (SHELVE, "SHELVED_OFFLOADED"),
    "shelve, being copied": (going(SHELVE, 1), "SHELVED_OFFLOADED"),
    "shelve, being offloaded": (going(SHELVE, 2), "SHELVED_OFFLOADED"),
    "unshelve, with a host": (going(UNSHELVE, 0), "ACTIVE"),
    "delete": (deleted, ""),
    "delete of a shelved one": (lambda world: _delete(world, rested(SHELVE)(world)), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_lost_flow_is_started_again(world: World, name: str) -> None:
    arrange, status = CASES[name]
    server = arrange(world)

    does = lose_and_mend(world, server)

    assert does == "the change is started again"
    if status:
        assert show(world, server)["status"] == status
        assert unfinished(world, server) == []
        clean(world)
        remove(world, server)
    else:
        gone(world, server)


def lose_and_mend(world: World, server: str) -> str:
    """Lose the server's flow, and repair what the audit finds; what that does, in its words."""
    world.app.db.run(lambda tx: tx.remove_where(FlowRow, subject=server))
    found = [one for one in world.audit() if one.sentence.startswith("Every unfinished change")]
    assert [server in one.detail for one in found] == [True]
    assert found[0].violation.rows is not None
    world.app.db.run(found[0].violation.rows)
    world.settle()
    return found[0].violation.does


def unfinished(world: World, server: str) -> list[str]:
    """The server's actions that have not ended."""
    rows = world.app.db.read(lambda tx: tx.all(InstanceAction, server_id=server))
    return [one.action for one in rows if any("finish" not in event for event in one.events)]


ENDS: dict[str, tuple[Callable[[World], str], str]] = {
    "snapshot": (SNAP, "ACTIVE"),
    "snapshot, being copied": (going(SNAP, 0), "ACTIVE"),
    "backup": (BACKUP, "ACTIVE"),
    "rescue, of who knows what": (rescue, "ACTIVE"),
    "rescue, turned off": (going(rescue, 0), "ACTIVE"),
    "unshelve, without a host": (UNSHELVE, "SHELVED_OFFLOADED"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_lost_flow_of_which_too_little_is_known_leaves_the_server_as_it_was(
    world: World, name: str
) -> None:
    arrange, status = ENDS[name]
    server = arrange(world)

    does = lose_and_mend(world, server)

    assert does.endswith("the server is as it was before, and its action has failed")
    found = show(world, server)
    assert (found["status"], found["OS-EXT-STS:task_state"]) == (status, None)
    assert unfinished(world, server) == []
    assert len(snapshots(world)) == (1 if status == "SHELVED_OFFLOADED" else 0)
    clean(world)
    remove(world, server)


def test_a_change_that_nobody_knows_any_more_leaves_the_server_in_error(world: World) -> None:
    server = made(world)
    change = sa.update(Server.table).where(Server.id == server).values(task_state="resize_prep")
    world.app.db.run(lambda tx: tx.execute(change))

    does = lose_and_mend(world, server)

    assert does == "the server is in ERROR, with a fault that says why"
    found = show(world, server)
    assert (found["status"], found["OS-EXT-STS:task_state"]) == ("ERROR", None)
    assert "It was active, resize_prep." in found["fault"]["message"]
    clean(world)
    remove(world, server)
