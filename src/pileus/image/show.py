"""An image as JSON."""

from collections.abc import Sequence
from typing import Any

from ..core.db import Tx, chunks
from ..wire.context import Context
from .places import Stores
from .protection import Protection
from .rows import Image, ImageTag
from .settings import Settings


def tags(tx: Tx, ids: Sequence[str]) -> dict[str, list[str]]:
    """The tags of these images, sorted."""
    found: dict[str, list[str]] = {image_id: [] for image_id in ids}
    for some in chunks(ids):
        for row in tx.all(ImageTag, image_id=some, order=[ImageTag.tag]):
            found[row.image_id].append(row.tag)
    return found


def views(ctx: Context, tx: Tx, images: Sequence[Image]) -> list[dict[str, Any]]:
    """Images as the API shows them: extra properties stand beside the known ones."""
    of = tags(tx, [image.id for image in images])
    return [view(ctx, image, of[image.id]) for image in images]


def view(ctx: Context, image: Image, tags: list[str]) -> dict[str, Any]:
    """One image."""
    path = f"/v2/images/{image.id}"
    found = ctx.parts[Protection].readable(ctx, image.properties)
    found |= image.view(ctx.version, ctx.allows)
    found |= {"tags": tags, "self": path, "file": f"{path}/file", "schema": "/v2/schemas/image"}
    settings = ctx.parts[Settings]
    if image.stores:
        order = [one.id for one in settings.stores]
        known = sorted(image.stores, key=lambda one: order.index(one) if one in order else -1)
        found["stores"] = ",".join(known)
    if image.importing is not None:
        found["os_glance_importing_to_stores"] = ",".join(image.importing["to"])
        found["os_glance_failed_import"] = ",".join(image.importing["failed"])
    if settings.show_multiple_locations:
        found["locations"] = locations(ctx, image)
    if settings.show_image_direct_url and image.places:
        stores = ctx.parts[Stores]
        found["direct_url"] = stores.url(image.id, stores.ordered(image)[0])
    return found


def locations(ctx: Context, image: Image) -> list[dict[str, Any]]:
    """Where the image's bytes lie, if the caller may know it."""
    if not ctx.allows("get_image_location", {"project_id": image.owner}):
        return []
    stores = ctx.parts[Stores]
    return [
        {
            "url": stores.url(image.id, place),
            "metadata": {**place.get("metadata", {}), "store": place["store"]},
        }
        for place in image.places
    ]


def one(ctx: Context, tx: Tx, image: Image) -> dict[str, Any]:
    """One image with its tags read."""
    return views(ctx, tx, [image])[0]
