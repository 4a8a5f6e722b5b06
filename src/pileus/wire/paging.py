"""Filters, sorting and keyset paging of lists, from a resource's declaration."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from ..core.errors import BadRequest
from ..core.resource import Attr, Resource
from .context import Context

R = TypeVar("R", bound=Resource)
LIMIT = 1000


@dataclass(frozen=True)
class Sort:
    """One sort key and its direction."""

    column: "sa.ColumnElement[Any]"
    name: str
    down: bool


def page(
    ctx: Context,
    cls: type[R],
    where: Sequence["sa.ColumnElement[bool]"] = (),
    *,
    default_sort: Sequence[tuple[str, str]] = (("created_at", "desc"), ("id", "desc")),
    limit: int = LIMIT,
) -> tuple[list[R], str]:
    """The asked page of the rows that fit, and the next page's marker ("" on the last page).

    Reads `limit`, `marker`, `sort_key`/`sort_dir`, `sort` and one parameter per filterable
    attribute from the query. Raises BadRequest for a marker, key or value that cannot be.
    """
    conditions = [*where, *filters(ctx, cls)]
    sorts = _sorts(ctx, cls, default_sort)
    size = page_size(ctx, limit)
    if size == 0:
        return [], ""
    marker = ctx.request.get("marker")
    if marker:
        last = ctx.tx.one(cls, _key(cls) == marker, *where)
        if last is None:
            raise BadRequest(f"The marker {marker[:80]!r} could not be found.")
        conditions.append(_after(sorts, last))
    order = [s.column.desc() if s.down else s.column.asc() for s in sorts]
    rows = ctx.tx.all(cls, *conditions, order=order, limit=size + 1)
    more = len(rows) > size
    rows = rows[:size]
    return rows, str(getattr(rows[-1], _key(cls).name)) if more and rows else ""


def filters(ctx: Context, cls: type[Resource]) -> list["sa.ColumnElement[bool]"]:
    """Conditions from the query parameters that name filterable attributes."""
    found: list[sa.ColumnElement[bool]] = []
    for a in cls.attrs.values():
        if not a.filter or not a.since <= ctx.version <= a.until:
            continue
        texts = ctx.request.every(a.wire)
        if not texts:
            continue
        column = cls.table.c[a.name]
        values = [_value(ctx, a, text) for text in texts]
        plain = [v for v in values if v is not None]
        condition = column == plain[0] if len(plain) == 1 else column.in_(plain)
        if len(plain) < len(values):
            condition = sa.or_(condition, column.is_(None)) if plain else column.is_(None)
        found.append(condition)
    return found


def _value(ctx: Context, a: Attr[Any], text: str) -> Any:
    if text == "" and a.null:
        return None
    return a.type.read(text, ctx.where.at(a.wire))


def page_size(ctx: Context, most: int = LIMIT) -> int:
    """How many rows a page is to have: `limit`, and never more than `most`. Raises BadRequest."""
    text = ctx.request.get("limit")
    if text is None:
        return most
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequest(f"The limit {text[:40]!r} must be a non-negative integer.")
    return min(int(text), most)


def _key(cls: type[Resource]) -> "sa.Column[Any]":
    return cls.key_columns()[-1]


def _sorts(ctx: Context, cls: type[Resource], default: Sequence[tuple[str, str]]) -> list[Sort]:
    asked: list[tuple[str, str]] = []
    keys, directions = ctx.request.every("sort_key"), ctx.request.every("sort_dir")
    for index, key in enumerate(keys):
        asked.append((key, directions[index] if index < len(directions) else ""))
    for item in (ctx.request.get("sort") or "").split(","):
        if item:
            key, _, direction = item.partition(":")
            asked.append((key.strip(), direction.strip()))
    if not asked and directions and default:
        asked = [(default[0][0], directions[0])]
    wires = {a.wire: a for a in cls.attrs.values() if a.sort}
    found = []
    for key, direction in asked:
        if key not in wires:
            raise BadRequest(
                f"{key[:80]!r} is not a sort key; these are: {', '.join(sorted(wires))}."
            )
        if direction.lower() not in ("", "asc", "desc"):
            raise BadRequest(f"The sort direction {direction[:40]!r} must be asc or desc.")
        down = (direction or dict(default).get(key, "asc")).lower() == "desc"
        found.append(_sort(cls, wires[key].name, down))
    for key, direction in default:
        if key in cls.attrs and key not in [s.name for s in found]:
            found.append(_sort(cls, key, direction == "desc"))
    for column in cls.key_columns():
        if column.name not in [s.name for s in found]:
            found.append(_sort(cls, column.name, bool(found) and found[-1].down))
    return found


def _sort(cls: type[Resource], name: str, down: bool) -> Sort:
    column: sa.ColumnElement[Any] = cls.table.c[name]
    if cls.attrs[name].null:
        # NULL has no order: it counts as the smallest value.
        column = sa.func.coalesce(column, _smallest(cls.table.c[name].type))
    return Sort(column, name, down)


def _smallest(kind: "sa.types.TypeEngine[Any]") -> Any:
    if isinstance(kind, sa.DateTime):
        return sa.literal(datetime(1000, 1, 1), kind)
    if isinstance(kind, sa.Integer | sa.Float):
        return sa.literal(-(2**62), kind)
    return sa.literal(False) if isinstance(kind, sa.Boolean) else sa.literal("")


def _after(sorts: list[Sort], last: Resource) -> "sa.ColumnElement[bool]":
    """Rows that come after `last` in this order: (a > x) or (a = x and b > y) or …"""
    options: list[sa.ColumnElement[bool]] = []
    equal: list[sa.ColumnElement[bool]] = []
    for sort in sorts:
        value = getattr(last, sort.name)
        if value is None:
            value = _smallest(last.table.c[sort.name].type)
        beyond = sort.column < value if sort.down else sort.column > value
        options.append(sa.and_(*equal, beyond))
        equal.append(sort.column == value)
    return sa.or_(*options)
