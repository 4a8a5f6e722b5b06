"""The compute service on the wire: discovery, extensions, and all routes together."""

from typing import Any

from ..wire import faults, pages
from ..wire.context import Context, Response
from ..wire.route import Route
from ..wire.service import Microversions, Service
from ..wire.versions import dotted
from . import (
    aggregate_api,
    explain,
    flavor,
    flavor_parts,
    group,
    host_api,
    keypair,
    limits,
    migration_list,
    server_change,
    server_create,
    server_evacuate,
    server_image,
    server_interface,
    server_list,
    server_live,
    server_migrate,
    server_parts,
    server_power,
    server_rebuild,
    server_rescue,
    server_resize,
    server_shelve,
    usage_report,
)
from .rules import RULES, rule

_OLDEST, _NEWEST = (2, 1), (2, 96)
_UPDATED = "2013-07-23T11:33:21Z"


def _version(ctx: Context, media: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": "v2.1",
        "status": "CURRENT",
        "version": dotted(_NEWEST),
        "min_version": dotted(_OLDEST),
        "updated": _UPDATED,
        "links": [{"rel": "self", "href": ctx.url("/v2.1/")}],
    }
    if media:
        kind = "application/vnd.openstack.compute+json;version=2.1"
        found["media-types"] = [{"base": "application/json", "type": kind}]
    return found


def _legacy(ctx: Context, media: bool) -> dict[str, Any]:
    """What clients from before microversions look for: 2.0 is 2.1 as it first was."""
    found: dict[str, Any] = {
        "id": "v2.0",
        "status": "SUPPORTED",
        "version": "",
        "min_version": "",
        "updated": "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": ctx.url("/v2/")}],
    }
    if media:
        kind = "application/vnd.openstack.compute+json;version=2"
        found["media-types"] = [{"base": "application/json", "type": kind}]
    return found


def versions(ctx: Context) -> object:
    """The API versions that there are."""
    return {"versions": [_legacy(ctx, False), _version(ctx, False)]}


def legacy(ctx: Context) -> object:
    """Version 2.0."""
    return {"version": _legacy(ctx, True)}


def version(ctx: Context) -> object:
    """Version 2.1 and its range of microversions."""
    return {"version": _version(ctx, True)}


def extensions(ctx: Context) -> object:
    """Extensions were folded into the API long ago; old clients still ask."""
    return {"extensions": []}


def no_extension(ctx: Context) -> object:
    """No extension has a name any more."""
    return Response(404, {"itemNotFound": {"code": 404, "message": "There is no such extension."}})


_DISCOVERY = (
    Route("GET", "/", versions, auth=False, tx="none"),
    Route("GET", "/v2", legacy, auth=False, tx="none"),
    Route("GET", "/v2.1", version, auth=False, tx="none"),
)
_EXTENSIONS = (
    Route("GET", "/v2.1/extensions", extensions, policy=rule("extensions"), tx="none"),
    Route("GET", "/v2.1/extensions/{alias}", no_extension, policy=rule("extensions"), tx="none"),
)

_ROUTES = (
    *_EXTENSIONS,
    *flavor.ROUTES,
    *flavor_parts.ROUTES,
    *keypair.ROUTES,
    *group.ROUTES,
    *limits.ROUTES,
    *host_api.ROUTES,
    *aggregate_api.ROUTES,
    *explain.ROUTES,
    *server_list.ROUTES,
    *server_create.ROUTES,
    *server_change.ROUTES,
    *server_power.ROUTES,
    *server_resize.ROUTES,
    *server_migrate.ROUTES,
    *server_evacuate.ROUTES,
    *server_live.ROUTES,
    *server_rebuild.ROUTES,
    *server_image.ROUTES,
    *server_shelve.ROUTES,
    *server_rescue.ROUTES,
    *server_interface.ROUTES,
    *migration_list.ROUTES,
    *server_parts.ROUTES,
    *usage_report.ROUTES,
)


SERVICE = Service(
    type="compute",
    name="nova",
    path="/compute",
    catalog_path="/v2.1",
    routes=(*_DISCOVERY, *_ROUTES),
    unversioned=("/v2/", "/v2.1/"),
    faults=faults.compute,
    page=pages.links,
    strict_slash=True,
    rules=RULES,
    microversions=Microversions("compute", _OLDEST, _NEWEST, "X-OpenStack-Nova-API-Version"),
)
