"""Server groups: rows only; what a policy means for a new member stands in `scheduler`."""

from typing import Any

from ..core.errors import Forbidden, NotFound
from ..core.quota import check, guard, limits
from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Enum, Field, Int, Json, ListOf, Object, Text, Uuid, When
from ..wire.context import Context, Response
from ..wire.route import Route
from .quota import DEFAULTS
from .rules import rule
from .server import Server, live

_NAME = Field(Text(255, 1, strip=True), required=True)
_HARD = ("affinity", "anti-affinity")
_SOFT = ("soft-affinity", "soft-anti-affinity")
_RULES = Object({"max_server_per_host": Int(1, strings=True)})
_BODY = Object(
    {"name": _NAME, "policy": Field(Enum(*_HARD, *_SOFT), required=True), "rules": Field(_RULES)}
)


def _old_body(*policies: str) -> Object:
    kinds = ListOf(Enum(*policies), limit=1, minimum=1)
    return Object({"name": _NAME, "policies": Field(kinds, required=True)})


_BODY_BEFORE_2_15 = _old_body(*_HARD)
_BODY_BEFORE_2_64 = _old_body(*_HARD, *_SOFT)


class ServerGroup(Resource):
    """Servers that should, or should not, share a host."""

    one, many = "server_group", "server_groups"

    id = attr(Uuid(), key=True, default=new_uuid)
    name = attr(Text(255))
    policy = attr(Text(32))
    rules = attr(Json(), default=dict)
    project_id = attr(Text(64), index=True)
    user_id = attr(Text(64))
    created_at = attr(When(), default=now)


def view(ctx: Context, group: ServerGroup, members: list[str]) -> dict[str, Any]:
    """A group in the caller's microversion."""
    found: dict[str, Any] = {"id": group.id, "name": group.name, "members": members}
    if ctx.version < (2, 64):
        found |= {"policies": [group.policy], "metadata": {}}
    else:
        found |= {"policy": group.policy, "rules": group.rules}
    if ctx.version >= (2, 13):
        found |= {"project_id": group.project_id, "user_id": group.user_id}
    return found


def _members(ctx: Context, ids: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for server in ctx.tx.all(Server, Server.group_id.in_(ids), live()) if ids else []:
        found.setdefault(server.group_id or "", []).append(server.id)
    return found


def _find(ctx: Context, name: str) -> ServerGroup:
    key = ctx.params["server_group_id"]
    group = ctx.tx.get(ServerGroup, key)
    missing = NotFound(f"Instance group {key[:255]} could not be found.")
    if group is None:
        raise missing
    if not ctx.allows(rule(name), {"project_id": group.project_id}):
        if group.project_id != ctx.who.project_id:
            raise missing
        raise Forbidden(f"Policy doesn't allow {rule(name)} to be performed.")
    return group


def list_groups(ctx: Context) -> object:
    """The project's groups; an admin's `all_projects` shows every project's."""
    where = [ServerGroup.project_id == ctx.who.project_id]
    if ctx.request.get("all_projects") is not None and ctx.allows(
        rule("os-server-groups:index:all_projects")
    ):
        where = []
    limit = Int(0).read(ctx.request.get("limit") or "1000", ctx.where.at("limit"))
    offset = Int(0).read(ctx.request.get("offset") or "0", ctx.where.at("offset"))
    order = [ServerGroup.created_at, ServerGroup.id]
    rows = ctx.tx.all(ServerGroup, *where, order=order)[offset : offset + min(limit, 1000)]
    members = _members(ctx, [row.id for row in rows])
    return {"server_groups": [view(ctx, row, members.get(row.id, [])) for row in rows]}


def show(ctx: Context) -> object:
    """One group."""
    group = _find(ctx, "os-server-groups:show")
    return {"server_group": view(ctx, group, _members(ctx, [group.id]).get(group.id, []))}


def create(ctx: Context) -> object:
    """A new group. Raises OverQuota."""
    shape = _BODY
    if ctx.version < (2, 64):
        shape = _BODY_BEFORE_2_64 if ctx.version >= (2, 15) else _BODY_BEFORE_2_15
    body = shape.parse(ctx.inner("server_group"), ctx.where.at("server_group"))
    project = ctx.who.project_id
    guard(ctx.tx, project)
    used = {"server_groups": ctx.tx.count(ServerGroup, project_id=project)}
    check({"server_groups": 1}, used, limits(ctx.tx, "compute", project, DEFAULTS))
    policy = body.get("policy") or body["policies"][0]
    rules = body.get("rules", {})
    if rules and policy != "anti-affinity":
        raise (
            ctx.where.at("server_group")
            .at("rules")
            .wrong(rules, "absent: only the policy anti-affinity has rules")
        )
    group = ctx.tx.add(
        ServerGroup(
            name=body["name"],
            policy=policy,
            rules=rules,
            project_id=project,
            user_id=ctx.who.user_id,
        )
    )
    return {"server_group": view(ctx, group, [])}


def delete(ctx: Context) -> object:
    """Remove a group; its members stay."""
    group = _find(ctx, "os-server-groups:delete")
    ctx.tx.set(Server, Server.group_id == group.id, group_id=None)
    ctx.tx.remove(group)
    return Response(204)


_PATH = "/v2.1/os-server-groups"
_ONE = _PATH + "/{server_group_id}"
ROUTES = (
    Route("GET", _PATH, list_groups, policy=rule("os-server-groups:index")),
    Route("POST", _PATH, create, policy=rule("os-server-groups:create")),
    Route("GET", _ONE, show),
    Route("DELETE", _ONE, delete),
)
