"""A world of its own for each file of flow tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .crash import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "state")
    yield made
    made.app.db.close()
