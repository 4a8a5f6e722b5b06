"""A world of its own for each file of flow tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .crash import World

_MEMORY = Path("/dev/shm")


@pytest.fixture
def world() -> Iterator[World]:
    # Hundreds of lives commit thousands of times: a disk in memory makes that quick, and what
    # is tested is the death of a process, not of a disk.
    folder = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=folder) as state:
        made = World(Path(state) / "state")
        yield made
        made.app.db.close()
