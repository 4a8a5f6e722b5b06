"""Fixtures of federation's tests."""

from collections.abc import Iterator

import pytest

from .openid import OpenId, running


@pytest.fixture(scope="module")
def openid() -> Iterator[OpenId]:
    """An OpenID Connect provider."""
    with running() as made:
        yield made
