"""The list of images: filters, order, pages."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..core.errors import BadRequest
from ..core.types import Bool, When
from ..wire import pages
from ..wire.context import Context
from ..wire.paging import page
from . import seen, show
from .rows import STATES, VISIBILITIES, Image, ImageTag

_WORDS = ("id", "name", "status", "container_format", "disk_format", "owner")
_PAGING = {"limit", "marker", "sort_key", "sort_dir", "sort"}
_SECOND = timedelta(seconds=1)
# Moments are shown in whole seconds, so one that is asked for is the whole second, to its end.
_COMPARE: dict[str, Callable[[Any, datetime, datetime], "sa.ColumnElement[bool]"]] = {
    "gt": lambda c, begin, end: c >= end,
    "gte": lambda c, begin, end: c >= begin,
    "lt": lambda c, begin, end: c < begin,
    "lte": lambda c, begin, end: c < end,
    "eq": lambda c, begin, end: sa.and_(c >= begin, c < end),
    "neq": lambda c, begin, end: sa.or_(c < begin, c >= end),
}


def listing(ctx: Context) -> object:
    """GET /v2/images."""
    if ctx.request.get("sort") and (ctx.request.get("sort_key") or ctx.request.get("sort_dir")):
        raise BadRequest("Old and new sorting syntax cannot be combined")
    where = [*_visible(ctx)]
    for key, text in ctx.request.query:
        condition = _condition(ctx, key, text)
        if condition is not None:
            where.append(condition)
    if ctx.request.get("os_hidden") is None:
        where.append(Image.os_hidden.is_(False))
    rows, marker = page(ctx, Image, where)
    return pages.image(ctx, "images", show.views(ctx, ctx.tx, rows), marker)


def _visible(ctx: Context) -> list["sa.ColumnElement[bool]"]:
    status = ctx.request.get("member_status") or "accepted"
    if status not in ("pending", "accepted", "rejected", "all"):
        raise BadRequest("member_status must be one of pending, accepted, rejected, all.")
    visibility = ctx.request.get("visibility")
    if visibility is not None and visibility not in (*VISIBILITIES, "all"):
        raise BadRequest(f"visibility must be one of {', '.join((*VISIBILITIES, 'all'))}.")
    found: list[sa.ColumnElement[bool]] = []
    if visibility in VISIBILITIES:
        found.append(Image.visibility == visibility)
    if not seen.is_admin(ctx):
        shared = seen.shared_with(ctx.project_id, status)
        options = [Image.owner == ctx.project_id, Image.visibility == "public", shared]
        if visibility in ("community", "all"):
            options.append(Image.visibility == "community")
        found.append(sa.or_(*options))
    elif visibility is None:
        found.append(sa.or_(Image.visibility != "community", Image.owner == ctx.project_id))
    return found


def _condition(ctx: Context, key: str, text: str) -> "sa.ColumnElement[bool] | None":
    if key in _PAGING or key in ("member_status", "visibility"):
        return None
    where = ctx.where.at(key)
    if key in _WORDS:
        return _word(key, text)
    if key == "tag":
        tagged = sa.select(ImageTag.image_id).where(ImageTag.tag == text)
        return Image.id.in_(tagged)
    if key in ("os_hidden", "protected"):
        return Image.table.c[key] == Bool().read(text, where)
    if key in ("size_min", "size_max", "min_ram", "min_disk", "size"):
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise where.wrong(text, "a whole number that is not negative")
        column = Image.table.c[key if key.startswith("min_") else "size"]
        if key == "size_min":
            return column >= int(text)
        return column <= int(text) if key == "size_max" else column == int(text)
    if key in ("created_at", "updated_at"):
        op, colon, rest = text.partition(":")
        compare, rest = (op, rest) if colon and op in _COMPARE else ("eq", text)
        moment = When().parse(rest, where).replace(microsecond=0)
        return _COMPARE[compare](Image.table.c[key], moment, moment + _SECOND)
    if key in Image.attrs and Image.attrs[key].show:
        return Image.table.c[key] == text
    if not re.fullmatch(r"[^\"\\\x00-\x1f]{1,255}", key):
        raise BadRequest(f"{key[:80]!r} cannot be the name of a property.")
    same: sa.ColumnElement[bool] = Image.table.c.properties[key].as_string() == text
    return same


def _word(key: str, text: str) -> "sa.ColumnElement[bool]":
    words = _split(text[3:]) if text.startswith("in:") else [text]
    if key == "status" and (wrong := [w for w in words if w not in STATES]):
        raise BadRequest(f"There is no image status {wrong[0][:80]!r}.")
    return Image.table.c[key].in_(words)


def _split(text: str) -> list[str]:
    found = [a or b for a, b in re.findall(r'"([^"]*)"|([^,"]+)', text)]
    if text.count('"') % 2 or not found:
        raise BadRequest("in: wants a list with commas between; quote names with commas.")
    return found
