"""Fixtures that every test may use."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from .cloud import Cloud
from .postgresql import Server, installed

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for the whole run; skips the test where none is installed."""
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes the URL of an empty database: "" is the default, SQLite in the state folder.

    PILEUS_TEST_DATABASE=postgresql lets every test run on PostgreSQL.
    """
    kind = os.environ.get("PILEUS_TEST_DATABASE", "sqlite")
    if kind == "sqlite":
        return lambda: ""
    assert kind == "postgresql", f"PILEUS_TEST_DATABASE={kind}: it is sqlite or postgresql"
    assert installed(), "PILEUS_TEST_DATABASE=postgresql, and no server is here: `make databases`"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database


@pytest.fixture(scope="module")
def cloud(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]
) -> Iterator[Cloud]:
    """A simulated cloud, shared by the tests of one file."""
    made = Cloud(tmp_path_factory.mktemp("cloud"), database=new_database())
    yield made
    made.close()


@pytest.fixture
def fresh_cloud(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[Cloud]:
    """A simulated cloud at its first start, for one test alone."""
    made = Cloud(tmp_path / "state", database=new_database())
    yield made
    made.close()
