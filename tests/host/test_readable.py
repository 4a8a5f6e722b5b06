"""Waiting works however many descriptors a process has open."""

import os
import resource
from collections.abc import Iterator

import pytest

from pileus.host.readable import readable


@pytest.fixture
def crowd() -> Iterator[None]:
    """More open descriptors than select() can name."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    yield
    for one in opened:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_descriptor_beyond_1024_is_waited_for(crowd: None) -> None:
    out, into = os.pipe()
    assert out > 1024

    before = readable(out, 0.01)
    os.write(into, b"x")

    assert (before, readable(out, 1.0)) == (False, True)
    os.close(out)
    os.close(into)
