"""Bytes going out."""

import re

from ..core.backend import Broken, Refused
from ..core.db import Tx
from ..core.errors import Forbidden, NotFound, RangeNotSatisfiable, Unavailable
from ..wire.context import Context, Request, Response
from . import seen
from .places import Stores
from .rows import STORED, Image


def get_file(ctx: Context) -> Response:
    """GET /v2/images/{id}/file, whole or in one Range; 204 while there are no bytes."""

    def find(tx: Tx) -> Image:
        return seen.asked(ctx, tx, "download_image")

    image = ctx.db.read(find)
    if image.status == "deactivated" and not seen.is_admin(ctx):
        raise Forbidden(f"Image {image.id} is deactivated; its bytes cannot be read.")
    if image.status not in STORED or not image.places:
        return Response(204)
    if image.size is None:
        raise NotFound(f"How large image {image.id} is, its place does not tell.")
    span = _range(ctx.request, image.size)
    first, last = span or (0, image.size - 1)
    try:
        body = ctx.parts[Stores].read(image, first, last)
    except FileNotFoundError:
        raise NotFound(f"The bytes of image {image.id} have just been deleted.") from None
    except (Broken, Refused) as problem:
        raise Unavailable(f"The bytes of image {image.id} cannot be read: {problem}") from None
    headers = {"Content-Length": str(last - first + 1), "Accept-Ranges": "bytes"}
    if span:
        headers["Content-Range"] = f"bytes {first}-{last}/{image.size}"
    elif image.checksum:
        headers["Content-MD5"] = image.checksum
    return Response(206 if span else 200, body, headers, "application/octet-stream")


def _range(request: Request, size: int) -> tuple[int, int] | None:
    """The first and last byte asked for. Raises RangeNotSatisfiable."""
    text = request.headers.get("range", "")
    if not text and (old := request.headers.get("content-range", "")):
        # The way of older clients.
        text = re.sub(r"^bytes\s+", "bytes=", old.partition("/")[0])
    if not text:
        return None
    if "," in text:
        raise RangeNotSatisfiable(
            "Requests with multiple ranges are not supported. You may make multiple single-range"
            " requests instead."
        )
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", text.strip())
    if found and (found[1] or found[2]):
        first = int(found[1]) if found[1] else max(size - int(found[2]), 0)
        last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
        if first <= last:
            return first, last
    raise RangeNotSatisfiable(
        f"The range {text[:80]!r} does not lie in the image's {size} bytes.",
        headers={"Content-Range": f"bytes */{size}"},
    )
