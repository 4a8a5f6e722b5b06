"""Fixtures of whole federation: processes, and what only they need."""

import os
from collections.abc import Iterator

import pytest

from .regions import PYTHON, Region

FULL = os.environ.get("PILEUS_FEDERATION") == "full"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="`make test-federation` runs it")
    for item in items:
        if "federation/whole" in str(item.path) and not FULL:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Region, Region]]:
    """Two clouds; the first vouches for its users, the second believes it."""
    assert PYTHON.exists(), "`make test-federation` makes .federation"
    made = [Region(tmp_path_factory.mktemp("regions") / name, name) for name in ("one", "two")]
    yield made[0], made[1]
    for region in made:
        region.close()
