"""Updating and deleting servers, and the short actions that need no flow."""

from ..core import desired, flow
from ..core.errors import BadRequest, Conflict
from ..core.types import AnyOf, Enum, Field, Ip, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action, server_body
from .flows.delete import DELETE, DELETE_SHELVED
from .flows.ending import fail
from .flows.guest import GUEST, POLL, still_there
from .flows.snapshot import abandon
from .migration import open_of, settle
from .rules import rule
from .server import Server, find, unlocked
from .server_view import View

_UPDATE = Object(
    {
        "name": server_body.NAME,
        "OS-DCF:diskConfig": Enum("AUTO", "MANUAL"),
        "accessIPv4": Field(AnyOf(Ip(4), Enum("")), null=True),
        "accessIPv6": Field(AnyOf(Ip(6), Enum("")), null=True),
        "description": Field(Text(255), null=True, since=(2, 19)),
        "hostname": Field(server_body.FQDN, since=(2, 90)),
    }
)
_STATE = Object({"state": Field(Enum("active", "error"), required=True)})


def update(ctx: Context) -> object:
    """Change what a server is called and where it says that it is reached."""
    body = _UPDATE.parse(ctx.inner("server"), ctx.where.at("server"))
    server_body.check_hostname(ctx, body)
    server = find(ctx, "servers:update")
    values = server_body.columns(body)
    if values:
        ctx.tx.change(server, updated_at=ctx.tx.now, **values)
    return {"server": View(ctx, [server], "update")(server)}


def delete(ctx: Context) -> object:
    """Delete a server, whatever it is doing."""
    _delete(ctx, find(ctx, "servers:delete"))
    return Response(204)


def force_delete(ctx: Context) -> object:
    """Delete a server at once, which is what every delete does here."""
    _delete(ctx, find(ctx, "os-deferred-delete:force"))
    return Response(202)


def _delete(ctx: Context, server: Server) -> None:
    unlocked(ctx, server)
    if server.task_state == "deleting":
        return
    ctx.tx.change(server, task_state="deleting", updated_at=ctx.tx.now)
    instance_action.begin(ctx, server, "delete", "compute_terminate_instance")
    # Where there is no guest to wait for, the flow has its turn at once.
    abandon(ctx.tx, server.id)
    waits = still_there(ctx.tx, server.id)
    after = POLL if waits else 0.0
    if server.shelved_image is None:
        flow.turn(ctx.tx, DELETE, server.id, ctx.request_id, after=after)
    else:
        image = server.shelved_image
        flow.turn(ctx.tx, DELETE_SHELVED, server.id, ctx.request_id, after=after, image=image)


def lock(ctx: Context) -> object:
    """Keep everybody but admins from changing the server."""
    wanted = ctx.body["lock"]
    reason = None
    if wanted:  # clients send {} as well as null
        if ctx.version < (2, 73):
            raise BadRequest("The action lock takes no arguments: its value must be null.")
        shape = Object({"locked_reason": Text(255, 1)})
        reason = shape.parse(wanted, ctx.where.at("lock")).get("locked_reason")
    server = find(ctx, "os-lock-server:lock")
    by = "owner" if server.project_id == ctx.who.project_id else "admin"
    instance_action.begin(ctx, server, "lock")
    ctx.tx.change(server, locked_by=by, locked_reason=reason, updated_at=ctx.tx.now)
    return Response(202)


def unlock(ctx: Context) -> object:
    """Let the server be changed again; what an admin locked, only an admin unlocks."""
    server = find(ctx, "os-lock-server:unlock")
    if server.locked_by == "admin":
        ctx.require(rule("os-lock-server:unlock:unlock_override"), server.target)
    instance_action.begin(ctx, server, "unlock")
    ctx.tx.change(server, locked_by=None, locked_reason=None, updated_at=ctx.tx.now)
    return Response(202)


def reset_state(ctx: Context) -> object:
    """Call a server active or in error, for an admin who knows better."""
    body = _STATE.parse(ctx.inner("os-resetState"), ctx.where.at("os-resetState"))
    server = find(ctx, "os-admin-actions:reset_state")
    if flow.find(ctx.tx, server.id) is not None:
        raise Conflict(f"Cannot 'reset_state' instance {server.id} while a change is under way")
    instance_action.begin(ctx, server, "os-resetState")
    _end_visits(ctx, server)
    if body["state"] == "active":
        if server.host is None:
            raise Conflict(
                f"Instance {server.id} holds nothing on any host, so it cannot be active."
            )
        ctx.tx.change(server, vm_state="active", task_state=None, updated_at=ctx.tx.now)
    else:
        fail(ctx.tx, server, "An admin has put this server into the state error.")
    return Response(202)


def _end_visits(ctx: Context, server: Server) -> None:
    """End what only some states can end: a resize to be confirmed, a rescue."""
    migration = open_of(ctx.tx, server.id)
    if migration is not None:
        settle(ctx.tx, server, migration, "confirmed")
    row = server.host and desired.find(ctx.tx, server.host, GUEST, server.id)
    if server.host and row and row.spec is not None:
        spec = {**row.spec, "disks": server.disks, "kept": "", "back": ""}
        desired.put(ctx.tx, server.host, GUEST, server.id, spec)


_ONE = "/v2.1/servers/{server_id}"
_ACTION = _ONE + "/action"
ROUTES = (
    Route("PUT", _ONE, update),
    Route("DELETE", _ONE, delete),
    Route("POST", _ACTION, force_delete, action="forceDelete"),
    Route("POST", _ACTION, lock, action="lock"),
    Route("POST", _ACTION, unlock, action="unlock"),
    Route("POST", _ACTION, reset_state, action="os-resetState"),
)
