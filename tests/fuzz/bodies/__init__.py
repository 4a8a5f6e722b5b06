"""Good bodies of every route that reads one, a file a service; see `samples` for the "$" texts."""

from collections.abc import Mapping
from typing import Any

Key = tuple[str, str, str]  # method, path, action


def without(body: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The body without these keys of what it is about."""
    return {one: {k: v for k, v in inner.items() if k not in keys} for one, inner in body.items()}
