"""The cache, as an admin sees and fills it."""

from ..core.errors import BadRequest, Conflict, NotFound
from ..wire.context import Context, Response
from . import seen
from .places import Stores
from .rows import Image


def state(ctx: Context) -> object:
    """GET /v2/cache: what is cached in this process's folder, and what is asked for."""
    cache = ctx.parts[Stores].cache
    return {
        "cached_images": [
            {
                "image_id": one.image_id,
                "size": one.size,
                "hits": one.hits,
                "last_accessed": one.last_accessed,
                "last_modified": one.last_modified,
            }
            for one in cache.copies()
        ],
        "queued_images": cache.queued(),
    }


def ask(ctx: Context) -> Response:
    """PUT /v2/cache/{image_id}: have it cached."""
    image = seen.find(ctx.tx, ctx.who, True, ctx.params["image_id"])
    ctx.require("cache_image", {"project_id": image.owner})
    if image.status != "active":
        raise BadRequest("Only images with status active can be targeted for queueing")
    ctx.parts[Stores].cache.ask(image.id)
    ctx.tx.signal("image.cache", image.id)
    return Response(202)


def delete(ctx: Context) -> Response:
    """DELETE /v2/cache/{image_id}: the copy goes, the image stays."""
    image_id = ctx.params["image_id"].lower()
    cache = ctx.parts[Stores].cache
    known = {one.image_id for one in cache.copies()} | set(cache.queued())
    if image_id not in known and ctx.tx.get(Image, image_id) is None:
        raise NotFound(f"Image {image_id[:255]} not found.")
    if image_id in known:
        cache.remove(image_id)
    return Response(204)


def clear(ctx: Context) -> Response:
    """DELETE /v2/cache: all copies go, all wishes, or (x-image-cache-clear-target) the one."""
    target = ctx.request.headers.get("x-image-cache-clear-target", "").lower()
    if target not in ("", "cache", "queue"):
        raise BadRequest(
            "If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string."
        )
    cache = ctx.parts[Stores].cache
    if target != "cache":
        for image_id in cache.queued():
            cache.asked_no_more(image_id)
    if target != "queue":
        for one in cache.copies():
            cache.path(one.image_id).unlink(missing_ok=True)
    return Response(204)


def clean(ctx: Context) -> Response:
    """POST /v2/cache/clean: what a dead process had begun to copy goes."""
    ctx.parts[Stores].cache.clean()
    return Response(200)


def prune(ctx: Context) -> object:
    """POST /v2/cache/prune: what was read longest ago goes, until the rest is small enough."""
    files, size = ctx.parts[Stores].cache.prune()
    return {"total_files_pruned": files, "total_bytes_pruned": size}


def nodes(ctx: Context) -> object:
    """GET /v2/cache/nodes/{image_id}: 409, as upstream's without a central cache."""
    raise Conflict("Centralized caching is not enabled")
