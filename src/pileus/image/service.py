"""The image service: its routes, rules and discovery documents."""

from ..wire import faults, pages
from ..wire.context import Context, Response
from ..wire.route import Route
from ..wire.service import Service
from . import download, listing, members, schemas, seen, show, upload, write
from .rules import RULES

_MINORS = (17, 16, 15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
_PATCH = (
    "application/openstack-images-v2.1-json-patch",
    "application/openstack-images-v2.0-json-patch",
)
_IMAGE = "/v2/images/{image_id}"


def versions(ctx: Context) -> Response:
    """GET / and /versions: every version of the API, newest first."""
    links = [{"rel": "self", "href": ctx.url("/v2/")}]
    return Response(
        300,
        {
            "versions": [
                {
                    "id": f"v2.{minor}",
                    "status": "CURRENT" if minor == _MINORS[0] else "SUPPORTED",
                    "links": links,
                }
                for minor in _MINORS
            ]
        },
    )


def _show(ctx: Context) -> object:
    return show.one(ctx, ctx.tx, seen.asked(ctx, ctx.tx, "get_image"))


def _import_info(_ctx: Context) -> object:
    methods = {"description": "Import methods available.", "type": "array"}
    return {"import-methods": methods | {"value": ["glance-direct"]}}


def _stores(_ctx: Context) -> object:
    return {"stores": [{"id": "file", "default": "true", "description": "Local files"}]}


ROUTES = (
    Route("GET", "/", versions, auth=False, tx="none"),
    Route("GET", "/versions", versions, auth=False, tx="none"),
    Route("GET", "/v2/images", listing.listing, policy="get_images"),
    Route("POST", "/v2/images", write.create, status=201),
    Route("GET", _IMAGE, _show),
    Route("PATCH", _IMAGE, write.update, media=_PATCH),
    Route("DELETE", _IMAGE, write.delete, tx="none"),
    Route("PUT", _IMAGE + "/file", upload.put_file, tx="none", stream=True),
    Route("GET", _IMAGE + "/file", download.get_file, tx="none"),
    Route("PUT", _IMAGE + "/stage", upload.put_stage, tx="none", stream=True),
    Route("POST", _IMAGE + "/import", write.import_staged, tx="none"),
    Route("POST", _IMAGE + "/actions/deactivate", write.deactivate, status=204),
    Route("POST", _IMAGE + "/actions/reactivate", write.reactivate, status=204),
    Route("PUT", _IMAGE + "/tags/{tag}", write.put_tag, status=204),
    Route("DELETE", _IMAGE + "/tags/{tag}", write.delete_tag, status=204),
    Route("GET", _IMAGE + "/members", members.listing),
    Route("POST", _IMAGE + "/members", members.add),
    Route("GET", _IMAGE + "/members/{member_id}", members.show),
    Route("PUT", _IMAGE + "/members/{member_id}", members.update),
    Route("DELETE", _IMAGE + "/members/{member_id}", members.delete),
    Route("GET", "/v2/schemas/image", schemas.image, tx="none"),
    Route("GET", "/v2/schemas/images", schemas.images, tx="none"),
    Route("GET", "/v2/schemas/member", schemas.member, tx="none"),
    Route("GET", "/v2/schemas/members", schemas.members, tx="none"),
    Route("GET", "/v2/info/import", _import_info, tx="none"),
    Route("GET", "/v2/info/stores", _stores, tx="none"),
)
SERVICE = Service(
    type="image",
    name="glance",
    path="/image",
    routes=ROUTES,
    faults=faults.image,
    page=pages.image,
    strict_slash=True,
    rules=RULES,
)
