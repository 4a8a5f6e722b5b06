"""Answers of the placement API, with the cache headers that they have from 1.15."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime

from ..wire.context import Context, Response


def answer(
    ctx: Context,
    body: object = None,
    status: int = 200,
    modified: Iterable[datetime] = (),
    location: str = "",
) -> Response:
    """A Response; its last-modified is the newest of `modified`, or now."""
    headers = {"Location": ctx.url(location)} if location else {}
    if ctx.version >= (1, 15):
        newest = max(modified, default=ctx.tx.now)
        headers["Last-Modified"] = format_datetime(newest.replace(tzinfo=UTC), usegmt=True)
        headers["Cache-Control"] = "no-cache"
    return Response(status, body, headers)


def empty(ctx: Context, status: int = 204, location: str = "") -> Response:
    """An answer without a body."""
    return Response(status, None, {"Location": ctx.url(location)} if location else {})


def path(ctx: Context, *steps: str) -> str:
    """A link below this service, relative to the server as the placement API writes them."""
    return "/".join([ctx.service.path, *steps])
