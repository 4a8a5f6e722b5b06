"""Traits: those that the server needs, and hosts that are kept for servers which need some."""

from collections.abc import Collection, Iterator
from functools import partial

from ...host import ComputeHost
from ..scene import Scene
from ..wish import Wish
from .check import Check

_PREFIX = "trait:"


def traits(wish: Wish, scene: Scene) -> Iterator[Check]:
    """The host has every trait that flavor and image require, and none that they forbid."""
    for name in sorted(wish.required):
        yield f"has trait {name}", partial(_has, scene.with_trait(name))
    for name in sorted(wish.forbidden):
        yield f"lacks trait {name}", partial(_lacks, scene.with_trait(name))


def _has(having: Collection[str], host: ComputeHost) -> bool:
    return host.id in having


def _lacks(having: Collection[str], host: ComputeHost) -> bool:
    return host.id not in having


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
        wanted = wish.required
        yield (
            "not kept by its aggregates for servers that require other traits",
            lambda host: reserved.get(host.host, set()) <= wanted,
        )
