"""An image as JSON."""

from collections.abc import Sequence
from typing import Any

from ..core.db import Tx, chunks
from ..wire.context import Context
from .rows import STORED, Image, ImageTag


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
    found = dict(image.properties) | image.view(ctx.version, ctx.allows)
    found |= {"tags": tags, "self": path, "file": f"{path}/file", "schema": "/v2/schemas/image"}
    if image.status in STORED:
        found["stores"] = "file"
    return found


def one(ctx: Context, tx: Tx, image: Image) -> dict[str, Any]:
    """One image with its tags read."""
    return views(ctx, tx, [image])[0]
