"""A database for tests of the core."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pileus.core.clock import ManualClock
from pileus.core.db import Database
from pileus.core.ids import Ids
from pileus.core.resource import schema

from . import rows

__all__ = ["rows"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def db(tmp_path: Path, clock: ManualClock, new_database: Callable[[], str]) -> Iterator[Database]:
    url = new_database() or f"sqlite:///{tmp_path / 'test.db'}"
    made = Database(url, clock, Ids(7))
    schema.create_all(made.engine)
    yield made
    made.close()
