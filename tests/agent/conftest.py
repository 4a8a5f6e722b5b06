"""A control plane with an agent port, shared by the tests of one file."""

from collections.abc import Iterator

import pytest

from .fleet import Site, site


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture
def place(shared: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    shared.hosts.folder = shared.folder / request.node.name[:100]
    yield shared
    shared.hosts.stop_all()
