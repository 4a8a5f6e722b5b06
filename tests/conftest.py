"""Fixtures that every test may use."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from .cloud import Cloud

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A simulated cloud, shared by the tests of one file."""
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    yield made
    made.close()


@pytest.fixture
def fresh_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A simulated cloud at its first start, for one test alone."""
    made = Cloud(tmp_path / "state")
    yield made
    made.close()
