"""The network service as the wire sees it."""

from typing import Any

from ..wire import faults, pages
from ..wire.context import Context
from ..wire.route import Route
from ..wire.service import Service


def _version(ctx: Context) -> dict[str, Any]:
    link = {"rel": "self", "href": ctx.url("/v2.0/")}
    return {"id": "v2.0", "status": "CURRENT", "links": [link]}


def _versions(ctx: Context) -> object:
    return {"versions": [_version(ctx)]}


SERVICE = Service(
    type="network",
    name="neutron",
    path="/network",
    routes=(Route("GET", "/", _versions, auth=False),),
    faults=faults.network,
    page=pages.links,
)
