"""Traits: those that the server needs, and hosts that are kept for servers which need some."""

from collections.abc import Iterator
from functools import partial

from ...host import ComputeHost
from ..scene import Scene
from ..wish import Wish
from .check import Check

_PREFIX = "trait:"


def traits(wish: Wish, scene: Scene) -> Iterator[Check]:
    """The host has every trait that flavor and image require, and none that they forbid.

    Of a wish that other providers than the host's own may fulfil placement has asked that already,
    of those that give something.
    """
    if wish.request is not None and not scene.staying:
        return
    own = scene.held if wish.request is not None else frozenset[str]()
    for name in sorted(wish.required):
        yield f"has trait {name}", partial(_has, scene.with_trait(name), own)
    for name in sorted(wish.forbidden):
        yield f"lacks trait {name}", partial(_lacks, scene.with_trait(name), own)


def _has(having: frozenset[str], own: frozenset[str], host: ComputeHost) -> bool:
    return not having.isdisjoint(own | {host.id})


def _lacks(having: frozenset[str], own: frozenset[str], host: ComputeHost) -> bool:
    return not _has(having, own, host)


def isolated(wish: Wish, scene: Scene) -> Iterator[Check]:
    """An aggregate with trait:X=required is for servers that require X."""
    if not scene.settings.enable_isolated_aggregate_filtering:
        return
    reserved = {
        host: {
            key.removeprefix(_PREFIX)
            for meta in metas
            for key, value in meta.items()
            if value == "required"
        }
        for host, metas in scene.said(lambda key: key.startswith(_PREFIX)).items()
    }
    if reserved:
        wanted = wish.every_trait
        yield (
            "not kept by its aggregates for servers that require other traits",
            lambda host: reserved.get(host.host, set()) <= wanted,
        )
