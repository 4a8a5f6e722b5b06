"""Hints: on the host of this server, or on another one than its."""

from collections.abc import Iterator
from typing import Any

from ...server import Server, live
from ..scene import Scene
from ..wish import Wish
from .check import Check


def same_host(wish: Wish, scene: Scene) -> Iterator[Check]:
    """SameHostFilter: where one of these servers is."""
    if ids := wish.hints.get("same_host"):
        near = _hosts_of(scene, ids)
        yield "same_host", lambda host: host.host in near


def different_host(wish: Wish, scene: Scene) -> Iterator[Check]:
    """DifferentHostFilter: where none of these servers is."""
    if ids := wish.hints.get("different_host"):
        near = _hosts_of(scene, ids)
        yield "different_host", lambda host: host.host not in near


def _hosts_of(scene: Scene, ids: Any) -> set[str]:
    named = [ids] if isinstance(ids, str) else list(ids)
    return {s.host for s in scene.tx.all(Server, live(), Server.id.in_(named)) if s.host}
