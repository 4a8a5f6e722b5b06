"""Waiting for what comes about in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(done: Callable[[], T], what: str, seconds: float = 120.0, pause: float = 0.1) -> T:
    """Look every `pause` seconds until `done()` is true, and return what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = done()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError(f"did not come about in {seconds:g} s: {what}")
