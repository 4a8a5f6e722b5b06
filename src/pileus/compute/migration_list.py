"""Migrations as the API lists them: all of them for an admin, and those of one server."""

import zlib
from typing import Any

import sqlalchemy as sa

from ..core.errors import BadRequest, NotFound
from ..core.types import Int, Text, When
from ..wire.context import Context
from ..wire.route import Route
from .migration import Migration
from .rules import rule
from .server import find

_LIMIT = 1000
_TEXT = Text(255)
_IN_PROGRESS = ("queued", "preparing", "running", "post-migrating")
_EQUAL = {
    "status": (Migration.status, (2, 1)),
    "migration_type": (Migration.migration_type, (2, 1)),
    "source_compute": (Migration.source_host, (2, 1)),
    "instance_uuid": (Migration.server_id, (2, 1)),
    "user_id": (Migration.user_id, (2, 80)),
    "project_id": (Migration.project_id, (2, 80)),
}
_TIMES = {"changes-since": (2, 59), "changes-before": (2, 66)}


def _where(ctx: Context) -> list["sa.ColumnElement[bool]"]:
    found: list[sa.ColumnElement[bool]] = []
    for name, (column, since) in _EQUAL.items():
        text = ctx.request.get(name)
        if text is not None and ctx.version >= since:
            found.append(column == _TEXT.read(text, ctx.where.at(name)))
    host = ctx.request.get("host")
    if host is not None:
        found.append(sa.or_(Migration.source_host == host, Migration.dest_host == host))
    times = {}
    for name, since in _TIMES.items():
        text = ctx.request.get(name)
        if text and ctx.version >= since:
            times[name] = When().read(text.replace(" ", "+"), ctx.where.at(name))
    after, before = times.get("changes-since"), times.get("changes-before")
    if after and before and after > before:
        raise BadRequest("The value of changes-since must be less than or equal to changes-before.")
    if after:
        found.append(Migration.updated_at >= after)
    if before:
        found.append(Migration.updated_at <= before)
    return found


def list_migrations(ctx: Context) -> object:
    """Every migration that fits, the newest first; in pages from 2.59."""
    where, limit = _where(ctx), _LIMIT
    if ctx.version >= (2, 59):
        text, marker = ctx.request.get("limit"), ctx.request.get("marker")
        if text:
            limit = min(Int(0).read(text, ctx.where.at("limit")) or _LIMIT, _LIMIT)
        if marker:
            last = ctx.tx.one(Migration, Migration.uuid == marker[:255])
            if last is None:
                raise BadRequest(f"Marker {marker[:80]} could not be found.")
            where.append(Migration.id < last.id)
    rows = ctx.tx.all(Migration, *where, order=[Migration.id.desc()], limit=limit + 1)
    shown: dict[str, Any] = {"migrations": [_view(ctx, row) for row in rows[:limit]]}
    if len(rows) > limit and ctx.version >= (2, 59):
        href = ctx.url(f"/v2.1/os-migrations?limit={limit}&marker={rows[limit - 1].uuid}")
        shown["migrations_links"] = [{"rel": "next", "href": href}]
    return shown


def _view(ctx: Context, row: Migration) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row.id,
        "instance_uuid": row.server_id,
        "status": row.status,
        "source_compute": row.source_host,
        "source_node": row.source_host,
        "dest_compute": row.dest_host,
        "dest_host": row.dest_host,
        "dest_node": row.dest_host,
        "old_instance_type_id": _number(row.old_flavor),
        "new_instance_type_id": _number(row.new_flavor),
        "created_at": row.created_at.strftime("%Y-%m-%dT%H:%M:%S.000000"),
        "updated_at": row.updated_at.strftime("%Y-%m-%dT%H:%M:%S.000000"),
    }
    if ctx.version >= (2, 23):
        shown["migration_type"] = row.migration_type
        if row.migration_type == "live-migration" and row.status in _IN_PROGRESS:
            path = f"/servers/{row.server_id}/migrations/{row.id}"
            own, mark = ctx.url(f"/v2.1{path}"), ctx.url(path)
            shown["links"] = [{"rel": "self", "href": own}, {"rel": "bookmark", "href": mark}]
    if ctx.version >= (2, 59):
        shown["uuid"] = row.uuid
    if ctx.version >= (2, 80):
        shown |= {"user_id": row.user_id, "project_id": row.project_id}
    return shown


def _number(flavor: dict[str, Any]) -> int:
    """The whole number that the API wants here; flavors are named by texts."""
    name = str(flavor["id"])
    if name.isascii() and name.isdigit() and len(name) < 10:
        return int(name)
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def list_of_server(ctx: Context) -> object:
    """The server's live migrations that are in progress."""
    server = find(ctx, "servers:migrations:index")
    rows = ctx.tx.all(
        Migration, server_id=server.id, migration_type="live-migration", status=_IN_PROGRESS
    )
    return {"migrations": [_live(ctx, row) for row in rows]}


def show_of_server(ctx: Context) -> object:
    """One live migration that is in progress. 404 for any other."""
    server = find(ctx, "servers:migrations:show")
    asked = ctx.params["migration_id"]
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 18 else -1
    row = ctx.tx.one(Migration, server_id=server.id, id=number)
    if row is None:
        raise NotFound(f"Migration {asked[:80]} not found for server {server.id}.")
    if row.migration_type != "live-migration":
        raise NotFound(f"Migration {row.id} for server {server.id} is not live-migration.")
    if row.status not in _IN_PROGRESS:
        raise NotFound(
            f"Live migration {row.id} for server {server.id} is not in progress: {row.status}."
        )
    return {"migration": _live(ctx, row)}


def _live(ctx: Context, row: Migration) -> dict[str, Any]:
    found = _view(ctx, row)
    left_out = ("instance_uuid", "old_instance_type_id", "new_instance_type_id", "migration_type")
    shown = {k: v for k, v in found.items() if k not in (*left_out, "links")}
    shown["server_uuid"] = row.server_id
    for what in ("memory", "disk"):
        shown |= {f"{what}_{part}_bytes": None for part in ("total", "processed", "remaining")}
    return shown


_OF_SERVER = "/v2.1/servers/{server_id}/migrations"
ROUTES = (
    Route("GET", "/v2.1/os-migrations", list_migrations, policy=rule("os-migrations:index")),
    Route("GET", _OF_SERVER, list_of_server, since=(2, 23)),
    Route("GET", _OF_SERVER + "/{migration_id}", show_of_server, since=(2, 23)),
)
