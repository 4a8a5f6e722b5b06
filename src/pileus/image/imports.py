"""Imports as they are asked for: checked, claimed, and handed to a flow."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..core import flow
from ..core.backend import Refused
from ..core.db import Tx
from ..core.errors import BadRequest, Conflict
from ..core.types import Bool, Field, ListOf, Object, Text, is_uuid
from ..wire.context import Context, Response
from . import quota, seen, signature
from .flows.importing import IMPORT
from .places import Stores
from .rows import Image, ImageTask
from .settings import Settings

_METHOD = Object(
    {
        "name": Field(Text(64), required=True),
        "uri": Text(2048),
        "glance_image_id": Text(255),
        "glance_region": Text(255),
        "glance_service_interface": Text(255),
    },
    extra=True,
)
_BODY = Object(
    {
        "method": Field(_METHOD, required=True),
        "stores": ListOf(Text(255), 100, 1, unique=True),
        "all_stores": Bool(),
        "all_stores_must_succeed": Bool(),
    },
    extra=True,
)
_OF_STATE = {
    "glance-direct": ("uploading", "Image needs to be staged before 'glance-direct' method"),
    "web-download": ("queued", "Image needs to be in 'queued' state to use 'web-download' method"),
    "glance-download": ("queued", "Image needs to be in 'queued' state to use 'glance-download'"),
    "copy-image": ("active", "Only images with status active can be targeted for copying"),
}


def begin(ctx: Context) -> Response:
    """POST /v2/images/{id}/import."""
    body = _BODY.parse(ctx.body, ctx.where)
    method, settings = body["method"], ctx.parts[Settings]
    name = method["name"]
    if name not in settings.enabled_import_methods:
        raise BadRequest(f"Unknown import method name '{name}'.")
    stores = _stores(ctx, body)
    image = seen.find(ctx.tx, ctx.who, seen.is_admin(ctx), ctx.params["image_id"])
    rule = "copy_image" if name == "copy-image" else "modify_image"
    ctx.require(rule, seen.target(ctx.tx, ctx.who, image))
    status, problem = _OF_STATE[name]
    if image.status != status:
        raise Conflict(f"{problem}: it is {image.status}.")
    if name == "glance-direct" and image.staged is None:
        raise Conflict(f"The bytes of image {image.id} are still on their way.")
    for key in ("container_format", "disk_format"):
        if getattr(image, key) is None:
            raise Conflict(f"'{key}' needs to be set before import")
    if flow.find(ctx.tx, image.id) is not None:
        raise Conflict("Image has active task")
    if name != "copy-image":
        signature.check_properties(image, settings)
    quota.claim(ctx.tx, image.owner, ctx.parts, _wanted(name))
    args: dict[str, Any] = {"method": _checked(ctx, method)}
    if name == "copy-image":
        there = [one for one in stores if one in image.stores]
        if there and not body.get("all_stores"):
            raise BadRequest(f"Image is already present at store '{there[0]}'")
        stores = [one for one in stores if one not in there]
        if not stores:
            ctx.tx.change(image, importing={"to": [], "failed": []})
            return Response(202)
    if name == "glance-download":
        args["token"] = ctx.tx.vault.seal(ctx.request.headers.get("x-auth-token", ""))
    must = body.get("all_stores_must_succeed", True)
    asked = {"image_id": image.id, "import_req": ctx.body, "backend": stores}
    task = _task(ctx, "api_image_import", image.id, asked)
    start(ctx.tx, ctx.request_id, task, image, stores, must, args)
    return Response(202)


def _wanted(name: str) -> Mapping[str, int]:
    if name == "glance-direct" or name == "copy-image":
        return {quota.SIZE: 0}
    return {quota.SIZE: 0, quota.STAGE: 0, quota.UPLOADING: 1}


def _checked(ctx: Context, method: Mapping[str, Any]) -> dict[str, Any]:
    """The method with what it needs. Raises BadRequest."""
    found = {k: method[k] for k in ("name", "uri") if k in method}
    if method["name"] == "web-download":
        uri = method.get("uri", "")
        try:
            ctx.parts[Stores].guard.check(uri)
        except Refused as wrong:
            raise BadRequest(
                f"URI for web-download does not pass filtering: {uri[:80]}: {wrong}"
            ) from None
    if method["name"] == "glance-download":
        for key in ("glance_region", "glance_image_id"):
            if key not in method:
                raise BadRequest(f"'{key}' needs to be set for glance-download import method")
        if not is_uuid(method["glance_image_id"]):
            raise BadRequest(
                f"Remote image id does not look like a UUID: {method['glance_image_id']}"
            )
        found |= {k: v for k, v in method.items() if k.startswith("glance_")}
        found.setdefault("glance_service_interface", "public")
    return found


def _stores(ctx: Context, body: Mapping[str, Any]) -> list[str]:
    settings, header = ctx.parts[Settings], ctx.request.headers.get("x-image-meta-store")
    if body.get("all_stores"):
        if "stores" in body or header is not None:
            raise BadRequest(
                "All_stores parameter can't be used with x-image-meta-store header or stores"
                " parameter"
            )
        return [one.id for one in settings.stores if not one.read_only]
    if "stores" in body and header is not None:
        raise BadRequest("Stores parameter and x-image-meta-store header can't be both specified")
    wanted: Sequence[str] = body.get("stores", [header or settings.default_backend])
    for name in wanted:
        place = settings.store(name)
        if place is None or place.read_only:
            raise Conflict(f"Unknown store {name[:80]!r}: no image can be put into it.")
    return list(wanted)


def _task(ctx: Context, kind: str, image_id: str, given: Mapping[str, Any]) -> ImageTask:
    return ctx.tx.add(
        ImageTask(
            type=kind,
            owner=ctx.project_id,
            user_id=ctx.who.user_id,
            request_id=ctx.request_id,
            image_id=image_id,
            input=dict(given),
        )
    )


def begin_location(
    ctx: Context, image: Image, store: str, url: str, given: Mapping[str, str] | None
) -> None:
    """Have a URL looked at and made the image's place."""
    if image.disk_format is None or image.container_format is None:
        raise BadRequest("disk_format and container_format must be set before a location is.")
    asked = {"image_id": image.id, "loc_url": url, "validation_data": given or {}}
    task = _task(ctx, "location_import", image.id, asked)
    place = {"store": store, "url": url, "metadata": {}}
    args = {"method": {"name": "location", "uri": url}, "place": place, "given": given}
    start(ctx.tx, ctx.request_id, task, image, [], True, args)


def begin_task(ctx: Context, image: Image, given: Mapping[str, Any], uri: str) -> ImageTask:
    """Have a new image filled from a URL, as the tasks API asks for it."""
    task = _task(ctx, "import", image.id, given)
    stores = [ctx.parts[Settings].default_backend]
    args = {"method": _checked(ctx, {"name": "web-download", "uri": uri})}
    start(ctx.tx, ctx.request_id, task, image, stores, True, args)
    return task


def start(
    tx: Tx,
    request_id: str,
    task: ImageTask,
    image: Image,
    stores: Sequence[str],
    must: bool,
    args: Mapping[str, Any],
) -> None:
    """Start the flow of an import."""
    if image.status != "active":
        tx.change(image, status="importing", updated_at=tx.now)
    tx.change(image, importing={"to": list(stores), "failed": []})
    tx.change(task, status="processing", updated_at=tx.now)
    flow.start(
        tx,
        IMPORT,
        image.id,
        request_id,
        task=task.id,
        stores=list(stores),
        must=must,
        had=image.locations if image.status == "active" else None,
        copy=image.status == "active",
        **args,
    )
