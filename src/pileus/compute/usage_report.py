"""How long servers of which size have existed: os-simple-tenant-usage."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from ..core.db import Tx
from ..core.types import When
from ..wire.context import Context
from ..wire.route import Route
from .rules import rule
from .server import Server

_FORM = "%Y-%m-%dT%H:%M:%S.000000"
_MONTH = timedelta(weeks=4)
_WHEN = When()


def _period(ctx: Context) -> tuple[datetime, datetime]:
    def read(name: str, default: datetime) -> datetime:
        text = ctx.request.get(name)
        return _WHEN.read(text.replace(" ", "T"), ctx.where.at(name)) if text else default

    stop = read("end", ctx.tx.now)
    start = read("start", max(stop, datetime.min + _MONTH) - _MONTH)
    if start >= stop:
        raise ctx.where.at("start").wrong(start.isoformat(), "before the end")
    return start, stop


def _servers(tx: Tx, start: datetime, stop: datetime, project: str = "") -> list[Server]:
    where = [
        Server.launched_at.is_not(None),
        Server.launched_at <= stop,
        Server.deleted_at.is_(None) | (Server.deleted_at >= start),
    ]
    if project:
        where.append(Server.project_id == project)
    return tx.all(Server, *where)


def _one(server: Server, start: datetime, stop: datetime, now: datetime) -> dict[str, Any]:
    begun = server.launched_at or server.created_at
    ended = server.deleted_at
    hours = (min(stop, ended or stop) - max(start, begun)).total_seconds() / 3600
    until = ended or now
    return {
        "instance_id": server.id,
        "name": server.name,
        "hours": max(hours, 0.0),
        "memory_mb": server.memory_mb,
        "local_gb": server.flavor["disk"] + server.flavor["ephemeral"],
        "vcpus": server.vcpus,
        "tenant_id": server.project_id,
        "flavor": server.flavor["name"],
        "started_at": begun.strftime(_FORM),
        "ended_at": ended.strftime(_FORM) if ended else None,
        "state": "terminated" if ended else server.vm_state,
        "uptime": int(max((until - begun).total_seconds(), 0)),
    }


def _sum(
    project: str, parts: Iterable[dict[str, Any]], start: datetime, stop: datetime, detail: bool
) -> dict[str, Any]:
    each = list(parts)
    shown: dict[str, Any] = {
        "tenant_id": project,
        "start": start.strftime(_FORM),
        "stop": stop.strftime(_FORM),
        "total_hours": sum(one["hours"] for one in each),
        "total_vcpus_usage": sum(one["hours"] * one["vcpus"] for one in each),
        "total_memory_mb_usage": sum(one["hours"] * one["memory_mb"] for one in each),
        "total_local_gb_usage": sum(one["hours"] * one["local_gb"] for one in each),
    }
    return shown | ({"server_usages": each} if detail else {})


def list_usage(ctx: Context) -> object:
    """Every project's usage in a period, by default the last four weeks."""
    start, stop = _period(ctx)
    found: dict[str, list[dict[str, Any]]] = {}
    for server in _servers(ctx.tx, start, stop):
        one = _one(server, start, stop, ctx.tx.now)
        found.setdefault(server.project_id, []).append(one)
    detail = ctx.request.get("detailed") == "1"
    return {"tenant_usages": [_sum(p, parts, start, stop, detail) for p, parts in found.items()]}


def show_usage(ctx: Context) -> object:
    """One project's usage in a period, with each server; an empty object when there was none."""
    project = ctx.params["project_id"]
    ctx.require(rule("os-simple-tenant-usage:show"), {"project_id": project})
    start, stop = _period(ctx)
    rows = _servers(ctx.tx, start, stop, project)
    if not rows:
        return {"tenant_usage": {}}
    parts = [_one(server, start, stop, ctx.tx.now) for server in rows]
    return {"tenant_usage": _sum(project, parts, start, stop, True)}


_PATH = "/v2.1/os-simple-tenant-usage"
ROUTES = (
    Route("GET", _PATH, list_usage, policy=rule("os-simple-tenant-usage:list")),
    Route("GET", _PATH + "/{project_id}", show_usage),
)
