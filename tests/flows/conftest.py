"""A world of its own for each file of flow tests."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .crash import World
from .hosts import Second, running

_MEMORY = Path("/dev/shm")


@pytest.fixture
def world(new_database: Callable[[], str]) -> Iterator[World]:
    # Hundreds of lives commit thousands of times: a disk in memory makes that quick, and what
    # is tested is the death of a process, not of a disk.
    folder = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as state:
        made = World(Path(state) / "state", new_database())
        yield made
        made.app.db.close()


@pytest.fixture
def second(world: World, monkeypatch: pytest.MonkeyPatch) -> Second:
    """A second host, whose agent lives and dies with the world's process."""
    made = Second(world)
    made.act()
    first, live = world.act, world.live

    def both() -> bool:
        acted = made.act()
        assert len(running(world, made)) <= 1  # whatever happens: never twice
        return first() or acted

    def again() -> None:
        live()
        made.live()

    monkeypatch.setattr(world, "act", both)
    monkeypatch.setattr(world, "live", again)
    return made
