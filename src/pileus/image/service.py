"""The image service: its routes, rules and discovery documents."""

from ..wire import faults, pages
from ..wire.context import Context, Response
from ..wire.route import Route
from ..wire.service import Service
from . import (
    cache_api,
    download,
    imports,
    info,
    listing,
    locations,
    members,
    schemas,
    seen,
    show,
    tasks,
    upload,
    write,
)
from .metadef.routes import ROUTES as METADEF
from .rules import RULES

_MINORS = (18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
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


ROUTES = (
    Route("GET", "/", versions, auth=False, tx="none"),
    Route("GET", "/versions", versions, auth=False, tx="none"),
    Route("GET", "/v2/images", listing.listing, policy="get_images"),
    Route("POST", "/v2/images", write.create, status=201),
    Route("GET", _IMAGE, _show),
    Route("PATCH", _IMAGE, write.update, tx="none", media=_PATCH),
    Route("DELETE", _IMAGE, write.delete, tx="none"),
    Route("PUT", _IMAGE + "/file", upload.put_file, tx="none", stream=True),
    Route("GET", _IMAGE + "/file", download.get_file, tx="none"),
    Route("PUT", _IMAGE + "/stage", upload.put_stage, tx="none", stream=True),
    Route("POST", _IMAGE + "/import", imports.begin, status=202),
    Route("GET", _IMAGE + "/tasks", tasks.of_image),
    Route("GET", _IMAGE + "/locations", locations.listing),
    Route("POST", _IMAGE + "/locations", locations.add, status=202),
    Route("DELETE", "/v2/stores/{store_id}/{image_id}", locations.remove_from_store, tx="none"),
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
    Route("GET", "/v2/info/import", info.methods, tx="none"),
    Route("GET", "/v2/info/stores", info.stores, tx="none"),
    Route("GET", "/v2/info/stores/detail", info.details, policy="stores_info_detail", tx="none"),
    Route("GET", "/v2/info/usage", info.usage),
    Route("GET", "/v2/tasks", tasks.listing, policy="tasks_api_access"),
    Route("POST", "/v2/tasks", tasks.create, policy="tasks_api_access", status=201),
    Route("GET", "/v2/tasks/{task_id}", tasks.show, policy="tasks_api_access"),
    Route("DELETE", "/v2/tasks/{task_id}", tasks.delete, policy="tasks_api_access"),
    Route("GET", "/v2/schemas/task", schemas.task, tx="none"),
    Route("GET", "/v2/schemas/tasks", schemas.tasks, tx="none"),
    Route("GET", "/v2/cache", cache_api.state, policy="cache_list", tx="none"),
    Route("DELETE", "/v2/cache", cache_api.clear, policy="cache_delete", tx="none"),
    Route("PUT", "/v2/cache/{image_id}", cache_api.ask, policy="cache_image", status=202),
    Route("DELETE", "/v2/cache/{image_id}", cache_api.delete, policy="cache_delete", status=204),
    Route("POST", "/v2/cache/clean", cache_api.clean, policy="cache_clean", tx="none"),
    Route("POST", "/v2/cache/prune", cache_api.prune, policy="cache_prune", tx="none"),
    Route("GET", "/v2/cache/nodes/{image_id}", cache_api.nodes, policy="list_cached_nodes"),
    *METADEF,
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
