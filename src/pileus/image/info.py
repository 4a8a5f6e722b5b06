"""What this image service can do and has: import methods, stores, usage."""

from typing import Any

from ..wire.context import Context
from . import quota
from .settings import Settings


def methods(ctx: Context) -> object:
    """GET /v2/info/import."""
    value = list(ctx.parts[Settings].enabled_import_methods)
    found = {"description": "Import methods available.", "type": "array", "value": value}
    return {"import-methods": found}


def stores(ctx: Context) -> object:
    """GET /v2/info/stores."""
    return {"stores": _stores(ctx.parts[Settings])}


def details(ctx: Context) -> object:
    """GET /v2/info/stores/detail: with each store's kind, weight and properties, no secrets."""
    settings = ctx.parts[Settings]
    found = _stores(settings)
    for one, place in zip(found, settings.stores, strict=True):
        shown = {k: v for k, v in place.options.items() if k not in ("access_key", "secret_key")}
        one |= {"type": place.kind, "weight": place.weight, "properties": shown}
    return {"stores": found}


def _stores(settings: Settings) -> list[dict[str, Any]]:
    found = []
    for place in settings.stores:
        one: dict[str, Any] = {"id": place.id}
        if place.description:
            one["description"] = place.description
        if place.id == settings.default_backend:
            one["default"] = "true"
        if place.read_only:
            one["read-only"] = "true"
        found.append(one)
    return found


def usage(ctx: Context) -> object:
    """GET /v2/info/usage: the caller's project's limits and usage."""
    limits = quota.limits(ctx.tx, ctx.project_id, ctx.parts)
    used = quota.usage(ctx.tx, ctx.project_id)
    return {"usage": {name: {"usage": used[name], "limit": limits[name]} for name in quota.NAMES}}
