"""Fleets of processes on a throw-away PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..postgresql import Server
from .fleet import Fleet


@pytest.fixture(scope="module")
def pair(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two processes, each with a host, on one PostgreSQL database."""
    made = Fleet(tmp_path_factory.mktemp("pair"), postgresql.new_database())
    yield made
    made.close()


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One process on SQLite."""
    made = Fleet(tmp_path_factory.mktemp("single"), "", joined=0)
    yield made
    made.close()


@pytest.fixture(params=["pair", "single"])
def claimed(request: pytest.FixtureRequest) -> Fleet:
    """Where the same must hold: two processes on PostgreSQL, and one on SQLite."""
    made: Fleet = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def headless(postgresql: Server, tmp_path: Path) -> Iterator[Fleet]:
    """A process with the host, and two of the control plane alone."""
    made = Fleet(tmp_path, postgresql.new_database(), joined=2, hosts=False)
    yield made
    made.close()
