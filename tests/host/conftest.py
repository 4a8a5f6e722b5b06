import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_guest import Guest

from pileus.host.images import tiny
from pileus.host.images.cache import default_cache


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    able = os.geteuid() == 0 and shutil.which("qemu-system-x86_64") and shutil.which("libvirtd")
    if not able:
        skip = pytest.mark.skip(reason="needs root, QEMU, libvirt and OVN")
        for item in items:
            if item.get_closest_marker("real") and here in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def tiny_image() -> tiny.Tiny:
    return tiny.build(default_cache())


@pytest.fixture
def guest(tmp_path: Path, tiny_image: tiny.Tiny) -> Iterator[Guest]:
    one = Guest(tmp_path, tiny_image)
    yield one
    if one.process is not None:
        one.process.kill()
        one.process.wait()
