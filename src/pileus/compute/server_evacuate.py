"""Evacuating a server from a host that was fenced; a flow does the rest."""

import secrets
from typing import Any

from .. import network, placement
from ..core import desired, flow
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Bool, Field, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action
from .flows.evacuate import EVACUATE
from .flows.guest import GUEST
from .host import ComputeHost, host_id
from .migration import Migration, counted, end_stale, planned
from .server import Server, find, hosted, ready, unlocked
from .server_migrate import claim_elsewhere

_BODY = Object(
    {
        "host": Text(255, 1),
        "adminPass": Text(255),
        "onSharedStorage": Field(Bool(strings=True), until=(2, 13)),
        "force": Field(Bool(strings=True), since=(2, 29), until=(2, 67)),
    }
)


def evacuate(ctx: Context) -> object:
    """Make a server anew on another host, as its own is dead. Its disks are lost.

    400 while its host is up and when no host has room, 409 until somebody has fenced the host.
    """
    body = _BODY.parse(ctx.inner("evacuate"), ctx.where.at("evacuate"))
    server = find(ctx, "os-evacuate")
    if body.get("onSharedStorage"):
        raise BadRequest("Servers here have no shared storage: leave onSharedStorage away.")
    unlocked(ctx, server)
    ready(server, "evacuate", ("active", "stopped", "error"))
    hosted(server)
    _fenced(ctx, server)
    host = body.get("host", "")
    if host == server.host:
        raise BadRequest(f"Instance {server.id} is on {host}: the target can't be the same host.")
    if host and ctx.tx.one(ComputeHost, host=host) is None:
        raise NotFound(f"Compute host {host} could not be found.")
    password = body.get("adminPass") or secrets.token_urlsafe(9)[:12]
    migration = _move(ctx, server, host, password)
    stays_off = server.vm_state == "stopped" or ctx.version >= (2, 95)
    power = "shutoff" if stays_off else "running"
    flow.turn(ctx.tx, EVACUATE, server.id, ctx.request_id, migration=migration.uuid, power=power)
    return Response(200, {"adminPass": password} if ctx.version < (2, 14) else None)


def _fenced(ctx: Context, server: Server) -> None:
    """Raises unless somebody vouches for it that its hosts are dead: silence proves nothing.

    More than one may have something of its guest when it was moved, or made, in vain.
    """
    own = hosted(server)
    host = ctx.tx.get(ComputeHost, host_id(own))
    if host is not None and host.up(ctx.tx):
        raise BadRequest(f"Compute service of {server.host} is still in use.")
    having = {row.host for row in ctx.tx.all(desired.Desired, kind=GUEST, id=server.id)}
    for name in sorted(having | {own}):
        host = ctx.tx.get(ComputeHost, host_id(name))
        if host is not None and not host.forced_down and not host.up(ctx.tx):
            raise Conflict(
                f"Nothing is heard of host {name}, but its guests may still run: turn it off, then"
                " say so with forced_down=true on its compute service."
            )


def _move(ctx: Context, server: Server, host: str, password: str) -> Migration:
    """All that is known of the server moves to the new host at once; the old one keeps nothing."""
    tx = ctx.tx
    end_stale(tx, server.id)
    found = claim_elsewhere(ctx, server, server.flavor, server.disks[0]["size_gb"], host)
    for provider in placement.allocations(tx, server.id):
        if provider != found.id:
            placement.release(tx, server.id, provider)
    same = (server.flavor, server.disks)
    migration = planned(tx, ctx.who, server, "evacuation", found.host, *same)
    migration.status = "accepted"
    tx.add(migration)
    instance_action.begin(ctx, server, "evacuate", "rebuild_server")
    for row in tx.all(desired.Desired, kind=GUEST, id=server.id):
        desired.withdraw(tx, row.host, GUEST, server.id)
    network.bind_ports(tx, server.id, found.host)
    values: dict[str, Any] = counted(server, None)
    tx.change(
        server,
        **values,
        host=found.host,
        generation=server.generation + 1,
        builds=server.next_build,
        admin_pass=tx.vault.seal(password),
        task_state="rebuilding",
        updated_at=tx.now,
    )
    return migration


ROUTES = (Route("POST", "/v2.1/servers/{server_id}/action", evacuate, action="evacuate"),)
