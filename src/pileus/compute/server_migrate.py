"""Cold migration: a server moves to another host while it is off; a flow does the rest."""

from dataclasses import replace
from typing import Any

from .. import placement
from ..core import flow
from ..core.errors import BadRequest
from ..core.types import Field, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action
from .flows.move import MOVE
from .host import ComputeHost
from .migration import Migration, counted, end_stale, planned
from .scheduler import NoValidHost, Scheduler, resized, wish_of
from .server import Server, find, hosted, idle, ready, unlocked

_BODY = Object({"host": Field(Text(255, 1), null=True)})


def migrate(ctx: Context) -> object:
    """Move a server to another host. 400 when there is none, or for the one that it is on."""
    server = find(ctx, "os-migrate-server:migrate")
    host = _host(ctx)
    unlocked(ctx, server)
    ready(server, "migrate", ("active", "stopped"))
    idle(ctx, server, "migrate")
    hosted(server)
    if host:
        target(ctx, server, host)
    move(ctx, server, server.flavor, server.disks, "migration", host)
    return Response(202)


def _host(ctx: Context) -> str:
    body = ctx.body.get("migrate") if isinstance(ctx.body, dict) else None
    if body is None:
        return ""
    if ctx.version < (2, 56):
        raise BadRequest("Before version 2.56 migrate takes null: the scheduler chooses the host.")
    return _BODY.parse(body, ctx.where.at("migrate")).get("host") or ""


def target(ctx: Context, server: Server, name: str) -> ComputeHost:
    """The host that the caller names. Raises BadRequest for an unknown one and for the present."""
    found = ctx.tx.one(ComputeHost, host=name)
    if found is None:
        raise BadRequest(f"Compute host {name} could not be found.")
    if found.host == server.host:
        raise BadRequest(
            f"Instance {server.id} is on host {name} already: the target can't be the same host."
        )
    return found


def claim_elsewhere(
    ctx: Context,
    server: Server,
    flavor: dict[str, Any],
    root_gb: int,
    host: str = "",
    live: bool = False,
) -> ComputeHost:
    """Claim what the flavor needs on another host than the server's. Raises BadRequest.

    live: the guest runs, and is to go on there.
    """
    avoid = [server.host] if server.host else []
    wish = resized(wish_of(server, host, avoid), flavor, root_gb)
    if live:
        wish = replace(wish, like=server.host or "")
    try:
        return ctx.parts[Scheduler].place(ctx.tx, server, wish)
    except (NoValidHost, placement.NoCapacity) as none:
        text = str(none)
        text = text if text.startswith("No valid host") else f"No valid host was found. {text}"
        raise BadRequest(text) from None


def move(
    ctx: Context,
    server: Server,
    flavor: dict[str, Any],
    disks: list[dict[str, Any]],
    kind: str,
    host: str = "",
) -> Migration:
    """Claim another host and set the move going. Raises BadRequest when there is none."""
    migration = moving(ctx, server, flavor, disks, kind, host)
    verb = {"migration": "migrate"}.get(kind, kind)
    event = {"migration": "cold_migrate"}.get(kind, "conductor_migrate_server")
    instance_action.begin(ctx, server, verb, event)
    values = counted(server, migration) | {"task_state": "resize_prep", "updated_at": ctx.tx.now}
    ctx.tx.change(server, **values)
    flow.start(ctx.tx, MOVE, server.id, ctx.request_id, migration=migration.uuid)
    return migration


def moving(
    ctx: Context,
    server: Server,
    flavor: dict[str, Any],
    disks: list[dict[str, Any]],
    kind: str,
    host: str,
) -> Migration:
    """Claim another host, and note the migration there. Raises BadRequest when there is none."""
    end_stale(ctx.tx, server.id)
    live = kind == "live-migration"
    found = claim_elsewhere(ctx, server, flavor, disks[0]["size_gb"], host, live)
    return ctx.tx.add(planned(ctx.tx, ctx.who, server, kind, found.host, flavor, disks))


_ACTION = "/v2.1/servers/{server_id}/action"
ROUTES = (Route("POST", _ACTION, migrate, action="migrate"),)
