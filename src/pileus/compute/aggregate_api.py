"""Host aggregates over HTTP."""

from typing import Any

from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Field, Metadata, Object, Text
from ..wire.context import Context
from ..wire.route import Route
from .aggregate import (
    ZONE_KEY,
    Aggregate,
    add_host,
    hosts_of,
    next_number,
    refused,
    remove_host,
    set_meta,
)
from .rules import rule

_WHEN = "%Y-%m-%dT%H:%M:%S.%f"
_NAME = Text(255, 1, strip=True)
_ZONE = Field(Text(255, 1, r"[^:]*", strip=True), null=True)
_NEW = Object({"name": Field(_NAME, required=True), ZONE_KEY: _ZONE})
_CHANGE = Object({"name": _NAME, ZONE_KEY: _ZONE})
_HOST = Object({"host": Field(Text(255, 1), required=True)})
_META = Metadata(255, 255)


def _find(ctx: Context) -> Aggregate:
    key = ctx.params["aggregate_id"]
    if not (key.isascii() and key.isdigit()):
        raise BadRequest(f"Invalid input received: id must be a whole number, not {key[:80]!r}.")
    found = ctx.tx.one(Aggregate, id=int(key)) if len(key) < 10 else None
    if found is None:
        raise NotFound(f"Aggregate {key[:80]} could not be found.")
    return found


def _brief(ctx: Context, row: Aggregate) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        ZONE_KEY: row.zone or None,
        "created_at": row.created_at.strftime(_WHEN),
        "updated_at": row.updated_at and row.updated_at.strftime(_WHEN),
        "deleted": False,
        "deleted_at": None,
    }
    return shown | ({"uuid": row.uuid} if ctx.version >= (2, 41) else {})


def _view(ctx: Context, row: Aggregate) -> dict[str, Any]:
    return _brief(ctx, row) | {"hosts": hosts_of(ctx.tx, row), "metadata": row.meta}


def _check_name(ctx: Context, name: str, number: int = 0) -> None:
    other = ctx.tx.one(Aggregate, name=name)
    if other is not None and other.id != number:
        raise Conflict(f"Aggregate {name} already exists.")


def list_aggregates(ctx: Context) -> object:
    """All aggregates."""
    rows = ctx.tx.all(Aggregate, order=[Aggregate.id])
    return {"aggregates": [_view(ctx, row) for row in rows]}


def show(ctx: Context) -> object:
    """One aggregate."""
    return {"aggregate": _view(ctx, _find(ctx))}


def create(ctx: Context) -> object:
    """A new aggregate, without hosts yet."""
    body = _NEW.parse(ctx.inner("aggregate"), ctx.where.at("aggregate"))
    _check_name(ctx, body["name"])
    zone = body.get(ZONE_KEY)
    row = ctx.tx.add(
        Aggregate(
            id=next_number(ctx.tx),
            name=body["name"],
            meta={ZONE_KEY: zone} if zone else {},
        )
    )
    return {"aggregate": _brief(ctx, row)}


def update(ctx: Context) -> object:
    """A new name or zone."""
    body = _CHANGE.parse(ctx.inner("aggregate"), ctx.where.at("aggregate"))
    if not body:
        raise ctx.where.at("aggregate").wrong({}, f"an object with name or {ZONE_KEY}")
    row = _find(ctx)
    if "name" in body:
        _check_name(ctx, body["name"], row.id)
        ctx.tx.change(row, name=body["name"], updated_at=ctx.tx.now)
    if ZONE_KEY in body:
        set_meta(ctx.tx, row, "update aggregate", {ZONE_KEY: body[ZONE_KEY]})
    return {"aggregate": _view(ctx, row)}


def delete(ctx: Context) -> object:
    """Remove an aggregate that has no hosts."""
    row = _find(ctx)
    if hosts_of(ctx.tx, row):
        raise BadRequest(refused("delete", row, "Host aggregate is not empty"))
    ctx.tx.remove(row)
    return {}


def add(ctx: Context) -> object:
    """Take a host in."""
    name = _HOST.parse(ctx.inner("add_host"), ctx.where.at("add_host"))["host"]
    row = _find(ctx)
    add_host(ctx.tx, row, name)
    return {"aggregate": _view(ctx, row)}


def remove(ctx: Context) -> object:
    """Let a host go."""
    name = _HOST.parse(ctx.inner("remove_host"), ctx.where.at("remove_host"))["host"]
    row = _find(ctx)
    remove_host(ctx.tx, row, name)
    return {"aggregate": _view(ctx, row)}


def change_metadata(ctx: Context) -> object:
    """Set keys, and remove those whose value is null."""
    where = ctx.where.at("set_metadata")
    body = ctx.inner("set_metadata")
    given = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(given, dict) or len(body) > 1:
        raise where.wrong(body, "an object with the key metadata, an object")
    changes: dict[str, str | None] = {}
    changes |= _META.parse(
        {key: "" if value is None else value for key, value in given.items()},
        where.at("metadata"),
    )
    changes |= {key: None for key, value in given.items() if value is None}
    row = _find(ctx)
    set_meta(ctx.tx, row, "update aggregate metadata", changes)
    return {"aggregate": _view(ctx, row)}


_PATH = "/v2.1/os-aggregates"
_ONE = _PATH + "/{aggregate_id}"
_R = "os-aggregates:"
ROUTES = (
    Route("GET", _PATH, list_aggregates, policy=rule(_R + "index")),
    Route("POST", _PATH, create, policy=rule(_R + "create")),
    Route("GET", _ONE, show, policy=rule(_R + "show")),
    Route("PUT", _ONE, update, policy=rule(_R + "update")),
    Route("DELETE", _ONE, delete, policy=rule(_R + "delete")),
    Route("POST", _ONE + "/action", add, policy=rule(_R + "add_host"), action="add_host"),
    Route("POST", _ONE + "/action", remove, policy=rule(_R + "remove_host"), action="remove_host"),
    Route(
        "POST",
        _ONE + "/action",
        change_metadata,
        policy=rule(_R + "set_metadata"),
        action="set_metadata",
    ),
)
