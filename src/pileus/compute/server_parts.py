"""What hangs on a server: metadata, tags, addresses, security groups, interfaces, actions."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from .. import network
from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, Forbidden, NotFound
from ..core.quota import limits
from ..core.types import Field, Int, ListOf, Object, Text, When
from ..wire.context import Context, Response
from ..wire.route import Route
from .instance_action import InstanceAction
from .quota import DEFAULTS
from .rules import rule
from .server import Server, ServerTag, find, missing, unlocked
from .server_body import META, TAG
from .server_view import host_mark

_GROUP = Object({"name": Field(Text(255, 1), required=True)})
_TAGS = ListOf(TAG, limit=50, unique=True)
_MOST_TAGS = 50


def list_meta(ctx: Context) -> object:
    """All metadata."""
    return {"metadata": find(ctx, "server-metadata:index").meta}


def show_meta(ctx: Context) -> object:
    """One item."""
    server, key = find(ctx, "server-metadata:show"), ctx.params["key"]
    if key not in server.meta:
        raise NotFound(f"Metadata item {key[:255]} was not found")
    return {"meta": {key: server.meta[key]}}


def _write_meta(ctx: Context, server: Server, meta: dict[str, str]) -> None:
    most = limits(ctx.tx, "compute", server.project_id, DEFAULTS)["metadata_items"]
    if len(meta) > most >= 0:
        raise Forbidden("Maximum number of metadata items exceeds the quota.")
    unlocked(ctx, server)
    ctx.tx.change(server, meta=meta, updated_at=ctx.tx.now)


def add_meta(ctx: Context) -> object:
    """Add items to those that there are."""
    wanted = META.parse(ctx.inner("metadata"), ctx.where.at("metadata"))
    server = find(ctx, "server-metadata:create")
    _write_meta(ctx, server, {**server.meta, **wanted})
    return {"metadata": server.meta}


def replace_meta(ctx: Context) -> object:
    """These items and no others."""
    wanted = META.parse(ctx.inner("metadata"), ctx.where.at("metadata"))
    server = find(ctx, "server-metadata:update_all")
    _write_meta(ctx, server, wanted)
    return {"metadata": server.meta}


def set_meta(ctx: Context) -> object:
    """Set one item."""
    key = ctx.params["key"]
    wanted = META.parse(ctx.inner("meta"), ctx.where.at("meta"))
    if list(wanted) != [key]:
        raise BadRequest("Request body and URI mismatch: the body must hold the one key named.")
    server = find(ctx, "server-metadata:update")
    _write_meta(ctx, server, {**server.meta, **wanted})
    return {"meta": wanted}


def delete_meta(ctx: Context) -> object:
    """Remove one item."""
    server, key = find(ctx, "server-metadata:delete"), ctx.params["key"]
    if key not in server.meta:
        raise NotFound(f"Metadata item {key[:255]} was not found")
    _write_meta(ctx, server, {k: v for k, v in server.meta.items() if k != key})
    return Response(204)


def _tags_of(ctx: Context, server: Server) -> list[str]:
    rows = ctx.tx.all(ServerTag, server_id=server.id, order=[ServerTag.tag])
    return [row.tag for row in rows]


def list_tags(ctx: Context) -> object:
    """All tags."""
    return {"tags": _tags_of(ctx, find(ctx, "os-server-tags:index"))}


def replace_tags(ctx: Context) -> object:
    """These tags and no others."""
    wanted = _TAGS.parse(ctx.inner("tags"), ctx.where.at("tags"))
    server = find(ctx, "os-server-tags:update_all")
    ctx.tx.remove_where(ServerTag, server_id=server.id)
    ctx.tx.add_all([ServerTag(server_id=server.id, tag=tag) for tag in wanted])
    ctx.tx.change(server, updated_at=ctx.tx.now)
    return {"tags": sorted(wanted)}


def delete_tags(ctx: Context) -> object:
    """No tags."""
    server = find(ctx, "os-server-tags:delete_all")
    ctx.tx.remove_where(ServerTag, server_id=server.id)
    return Response(204)


def show_tag(ctx: Context) -> object:
    """204 where the server has this tag."""
    server, tag = find(ctx, "os-server-tags:show"), ctx.params["tag"]
    if ctx.tx.get(ServerTag, server.id, tag) is None:
        raise NotFound(f"Server {server.id} has no tag '{tag[:255]}'")
    return Response(204)


def set_tag(ctx: Context) -> object:
    """Add a tag: 201 when it is new."""
    server = find(ctx, "os-server-tags:update")
    tag = TAG.parse(ctx.params["tag"], ctx.where.at("tag"))
    if ctx.tx.get(ServerTag, server.id, tag) is not None:
        return Response(204)
    if len(_tags_of(ctx, server)) >= _MOST_TAGS:
        raise BadRequest(f"A server has at most {_MOST_TAGS} tags.")
    ctx.tx.add(ServerTag(server_id=server.id, tag=tag))
    location = ctx.url(f"/v2.1/servers/{server.id}/tags/{tag}")
    return Response(201, None, {"Location": location})


def delete_tag(ctx: Context) -> object:
    """Remove a tag."""
    server, tag = find(ctx, "os-server-tags:delete"), ctx.params["tag"]
    row = ctx.tx.get(ServerTag, server.id, tag)
    if row is None:
        raise NotFound(f"Server {server.id} has no tag '{tag[:255]}'")
    ctx.tx.remove(row)
    return Response(204)


def _ips(ctx: Context, server: Server) -> dict[str, list[dict[str, Any]]]:
    found = network.addresses(ctx.tx, [server.id]).get(server.id, {})
    return {
        name: [{"version": a["version"], "addr": a["addr"]} for a in each]
        for name, each in found.items()
    }


def list_ips(ctx: Context) -> object:
    """All addresses, by network."""
    return {"addresses": _ips(ctx, find(ctx, "ips:index"))}


def show_ips(ctx: Context) -> object:
    """The addresses in one network."""
    server, name = find(ctx, "ips:show"), ctx.params["network"]
    found = _ips(ctx, server)
    if name not in found:
        raise NotFound(f"Instance {server.id} is not a member of network {name[:255]}.")
    return {name: found[name]}


def list_groups(ctx: Context) -> object:
    """Names of the security groups on the server's ports."""
    server = find(ctx, "os-security-groups:list")
    names = network.server_security_groups(ctx.tx, [server.id]).get(server.id, [])
    groups: list[dict[str, Any]] = [
        {
            "id": name,
            "name": name,
            "description": "",
            "tenant_id": server.project_id,
            "rules": [],
        }
        for name in names
    ]
    return {"security_groups": groups}


def add_group(ctx: Context) -> object:
    """Put a security group on all ports of the server."""
    return _regroup(ctx, "add", network.add_security_group)


def remove_group(ctx: Context) -> object:
    """Take a security group off all ports of the server."""
    return _regroup(ctx, "remove", network.remove_security_group)


def _regroup(ctx: Context, verb: str, change: Callable[[Tx, str, str, str], None]) -> Response:
    action = f"{verb}SecurityGroup"
    name = _GROUP.parse(ctx.inner(action), ctx.where.at(action))["name"]
    server = find(ctx, f"os-security-groups:{verb}")
    if server.host is None or server.task_state == "deleting":
        raise Conflict(f"Instance {server.id} is not ready: it is on no host.")
    change(ctx.tx, server.id, server.project_id, name)
    return Response(202)


def list_volumes(ctx: Context) -> object:
    """Attached volumes: none, there being no block storage."""
    find(ctx, "os-volumes-attachments:index")
    return {"volumeAttachments": []}


def _acted(ctx: Context, name: str) -> tuple[str, dict[str, Any]]:
    """The server's id and policy target; deleted servers' actions stay visible from 2.21."""
    server_id = ctx.params["server_id"]
    server = ctx.tx.get(Server, server_id)
    if server is None or (server.deleted_at is not None and ctx.version < (2, 21)):
        raise missing(server_id)
    if not ctx.allows(rule(name), server.target):
        raise missing(server_id)
    return server_id, server.target


def _action(ctx: Context, row: InstanceAction) -> dict[str, Any]:
    found: dict[str, Any] = {
        "action": row.action,
        "instance_uuid": row.server_id,
        "request_id": row.request_id,
        "user_id": row.user_id,
        "project_id": row.project_id,
        "start_time": _micro(row.start_time),
        "message": row.message,
    }
    return found | ({"updated_at": _micro(row.updated_at)} if ctx.version >= (2, 58) else {})


def _micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000")


def list_actions(ctx: Context) -> object:
    """What has been done to a server, the newest first; paged from 2.58."""
    server_id, _ = _acted(ctx, "os-instance-actions:list")
    rows = ctx.tx.all(
        InstanceAction,
        server_id=server_id,
        order=[InstanceAction.start_time.desc(), InstanceAction.request_id],
    )
    following: list[dict[str, str]] = []
    if ctx.version >= (2, 58):
        rows, following = _cut(ctx, rows)
    shown: dict[str, Any] = {"instanceActions": [_action(ctx, row) for row in rows]}
    return shown | ({"links": following} if following else {})


def _cut(
    ctx: Context, rows: list[InstanceAction]
) -> tuple[list[InstanceAction], list[dict[str, str]]]:
    for name, later in (("changes-since", True), ("changes-before", False)):
        text = ctx.request.get(name)
        if text and (later or ctx.version >= (2, 66)):
            moment = When().read(text.replace(" ", "+"), ctx.where.at(name))
            rows = [r for r in rows if (r.updated_at >= moment) == later or r.updated_at == moment]
    marker, limit = ctx.request.get("marker"), ctx.request.get("limit")
    if marker:
        ids = [row.request_id for row in rows]
        if marker not in ids:
            raise BadRequest(f"marker [{marker[:80]}] not found")
        rows = rows[ids.index(marker) + 1 :]
    size = Int(0).read(limit, ctx.where.at("limit")) if limit else len(rows)
    if size >= len(rows) or size == 0:
        return rows, []
    last = rows[size - 1].request_id
    href = ctx.url(f"{ctx.request.path}?limit={size}&marker={last}")
    return rows[:size], [{"rel": "next", "href": href}]


def show_action(ctx: Context) -> object:
    """One action, with its events for those who may see them."""
    server_id, target = _acted(ctx, "os-instance-actions:show")
    row = ctx.tx.get(InstanceAction, server_id, ctx.params["request_id"])
    if row is None:
        asked = ctx.params["request_id"][:255]
        raise NotFound(f"Action for request_id {asked} on instance {server_id} not found.")
    wide = ctx.allows(rule("os-instance-actions:events"), target)
    shown = _action(ctx, row)
    if wide or ctx.version >= (2, 51):
        shown["events"] = [_event(ctx, row, event, wide) for event in row.events]
    return {"instanceAction": shown}


def _event(ctx: Context, row: InstanceAction, event: dict[str, Any], wide: bool) -> dict[str, Any]:
    ended = event.get("finish")
    shown: dict[str, Any] = {
        "event": event["event"],
        "start_time": _micro(datetime.fromisoformat(event["start"])),
        "finish_time": _micro(datetime.fromisoformat(ended)) if ended else None,
        "result": event.get("result"),
    }
    if wide:
        shown["traceback"] = event.get("traceback")
    if ctx.version >= (2, 62):
        if wide and event.get("host"):
            shown["host"] = event["host"]
        shown["hostId"] = host_mark(row.project_id, event.get("host"))
    if ctx.version >= (2, 84):
        shown["details"] = event.get("details")
    return shown


_ONE = "/v2.1/servers/{server_id}"
_META, _KEY = _ONE + "/metadata", _ONE + "/metadata/{key}"
_TAG_PATH = _ONE + "/tags/{tag}"
ROUTES = (
    Route("GET", _META, list_meta),
    Route("POST", _META, add_meta),
    Route("PUT", _META, replace_meta),
    Route("GET", _KEY, show_meta),
    Route("PUT", _KEY, set_meta),
    Route("DELETE", _KEY, delete_meta),
    Route("GET", _ONE + "/tags", list_tags, since=(2, 26)),
    Route("PUT", _ONE + "/tags", replace_tags, since=(2, 26)),
    Route("DELETE", _ONE + "/tags", delete_tags, since=(2, 26)),
    Route("GET", _TAG_PATH, show_tag, since=(2, 26)),
    Route("PUT", _TAG_PATH, set_tag, since=(2, 26)),
    Route("DELETE", _TAG_PATH, delete_tag, since=(2, 26)),
    Route("GET", _ONE + "/ips", list_ips),
    Route("GET", _ONE + "/ips/{network}", show_ips),
    Route("GET", _ONE + "/os-security-groups", list_groups),
    Route("POST", _ONE + "/action", add_group, action="addSecurityGroup"),
    Route("POST", _ONE + "/action", remove_group, action="removeSecurityGroup"),
    Route("GET", _ONE + "/os-volume_attachments", list_volumes),
    Route("GET", _ONE + "/os-instance-actions", list_actions),
    Route("GET", _ONE + "/os-instance-actions/{request_id}", show_action),
)
