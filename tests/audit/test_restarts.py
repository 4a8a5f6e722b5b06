"""A change whose flow is lost is found, started again by the repair, and comes about."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pileus.core.flow import FlowRow

from ..flows.crash import World
from ..flows.servers import do, gone, made, make, remove, show


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
    server = made(world)
    assert world.call("DELETE", f"/servers/{server}")[0] == 204
    return server


CASES: dict[str, tuple[Callable[[World], str], str]] = {
    "create": (make, "ACTIVE"),
    "stop": (acted(**{"os-stop": None}), "SHUTOFF"),
    "pause": (acted(pause=None), "PAUSED"),
    "suspend": (acted(suspend=None), "SUSPENDED"),
    "reboot": (acted(reboot={"type": "HARD"}), "ACTIVE"),
    "resize": (acted(resize={"flavorRef": "84"}), "VERIFY_RESIZE"),
    "confirm": (acted(on=resized, confirmResize=None), "ACTIVE"),
    "revert": (acted(on=resized, revertResize=None), "ACTIVE"),
    "delete": (deleted, ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_lost_flow_is_started_again(world: World, name: str) -> None:
    arrange, status = CASES[name]
    server = arrange(world)
    world.app.db.run(lambda tx: tx.remove_where(FlowRow, subject=server))

    found = [one for one in world.audit() if one.sentence.startswith("Every unfinished change")]
    for one in found:
        assert one.violation.rows is not None
        world.app.db.run(one.violation.rows)
    world.settle()

    assert [server in one.detail for one in found] == [True]
    if status:
        assert show(world, server)["status"] == status
        assert world.audit() == []
        remove(world, server)
    else:
        gone(world, server)
