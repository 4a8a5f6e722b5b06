"""The version documents: `GET /identity` and `GET /identity/v3`, as keystoneauth reads them."""

from typing import Any

from ..wire.context import Context, Response
from ..wire.route import Route

# v3.14 is the newest that the identity API has: application credentials with access rules.
_ID, _UPDATED = "v3.14", "2020-04-07T00:00:00Z"
_MEDIA = "application/vnd.openstack.identity-v3+json"


def _version(ctx: Context) -> dict[str, Any]:
    return {
        "id": _ID,
        "status": "stable",
        "updated": _UPDATED,
        "links": [{"rel": "self", "href": ctx.url("/v3/")}],
        "media-types": [{"base": "application/json", "type": _MEDIA}],
    }


def _all(ctx: Context) -> Response:
    body = {"versions": {"values": [_version(ctx)]}}
    return Response(300, body, {"Location": ctx.url("/v3/")})


def _v3(ctx: Context) -> object:
    return {"version": _version(ctx)}


def routes() -> tuple[Route, ...]:
    """The routes of discovery, for anybody."""
    return (
        Route("GET", "/", _all, auth=False, tx="none"),
        Route("GET", "/v3", _v3, auth=False, tx="none"),
    )
