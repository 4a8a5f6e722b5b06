"""The fleet of one test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .fleet import Fleet


@pytest.fixture
def fleet(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[Fleet]:
    made = Fleet(tmp_path / "state", new_database())
    yield made
    made.close()
