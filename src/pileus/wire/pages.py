"""How services wrap a page of a list and point at the next one."""

from typing import Any
from urllib.parse import urlencode

from .context import Context


def _next(ctx: Context, marker: str) -> str:
    query = [(k, v) for k, v in ctx.request.query if k != "marker"] + [("marker", marker)]
    return f"{ctx.request.path}?{urlencode(query)}"


def links(ctx: Context, many: str, items: list[dict[str, Any]], marker: str) -> dict[str, Any]:
    """`{"servers": […], "servers_links": [{"rel": "next", …}]}`: compute, network, volume."""
    found: dict[str, Any] = {many: items}
    if marker:
        found[f"{many}_links"] = [{"rel": "next", "href": ctx.url(_next(ctx, marker))}]
    return found


def identity(ctx: Context, many: str, items: list[dict[str, Any]], marker: str) -> dict[str, Any]:
    """`{"users": […], "links": {"next": null, "self": …, "previous": null}}`."""
    here = ctx.url(ctx.request.path)
    following = ctx.url(_next(ctx, marker)) if marker else None
    return {many: items, "links": {"next": following, "self": here, "previous": None}}


def image(ctx: Context, many: str, items: list[dict[str, Any]], marker: str) -> dict[str, Any]:
    """`{"images": […], "first": "/v2/images", "next": "/v2/images?marker=…", "schema": …}`."""
    found = {many: items, "first": ctx.request.path, "schema": f"/v2/schemas/{many}"}
    return found | ({"next": _next(ctx, marker)} if marker else {})


def plain(ctx: Context, many: str, items: list[dict[str, Any]], marker: str) -> dict[str, Any]:
    """`{"resource_providers": […]}`: placement, which does not page."""
    return {many: items}
