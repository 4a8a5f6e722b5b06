"""Shelving a server and taking it up again; flows do the rest."""

from typing import Any

from ..core import flow
from ..core.errors import BadRequest, Conflict
from ..core.types import Field, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action
from .flows.shelve import OFFLOAD, SHELVE, UNSHELVE
from .host import ComputeHost
from .rules import rule
from .server import GUEST_POWER, Server, find, hosted, idle, ready, unlocked
from .server_image import reserve

_UNSHELVE = Object(
    {
        "availability_zone": Field(Text(255, 1), null=True),
        "host": Field(Text(255, 1), since=(2, 91)),
    }
)


def shelve(ctx: Context) -> object:
    """Keep the server's disk as an image, and give back what it holds of its host."""
    server = find(ctx, "os-shelve:shelve")
    unlocked(ctx, server)
    ready(server, "shelve", ("active", "stopped", "paused", "suspended"))
    idle(ctx, server, "shelve")
    hosted(server)
    name = f"{server.name}-shelved"[:255]
    kind = {"image_type": "snapshot"}
    image = reserve(ctx, server, name, kind, server.project_id)
    before = GUEST_POWER[server.vm_state]
    instance_action.begin(ctx, server, "shelve", "compute_shelve_instance")
    ctx.tx.change(server, task_state="shelving", shelved_image=image.id, updated_at=ctx.tx.now)
    args: dict[str, Any] = {"image": image.id, "before": before}
    args["uploading"] = "shelving_image_uploading"
    flow.start(ctx.tx, SHELVE, server.id, ctx.request_id, **args)
    return Response(202)


def offload(ctx: Context) -> object:
    """Give back the host of a shelved server that has one yet; shelving itself does so at once."""
    server = find(ctx, "os-shelve:shelve_offload")
    unlocked(ctx, server)
    ready(server, "shelveOffload", ("shelved",))
    idle(ctx, server, "shelveOffload")
    instance_action.begin(ctx, server, "shelveOffload", "compute_shelve_offload_instance")
    ctx.tx.change(server, task_state="shelving_offloading", updated_at=ctx.tx.now)
    flow.start(ctx.tx, OFFLOAD, server.id, ctx.request_id)
    return Response(202)


def unshelve(ctx: Context) -> object:
    """Find the server a host again, and boot it there from the image of its disk."""
    body = _wish(ctx)
    server = find(ctx, "os-shelve:unshelve")
    unlocked(ctx, server)
    ready(server, "unshelve", ("shelved", "shelved_offloaded"))
    idle(ctx, server, "unshelve")
    if server.vm_state == "shelved" or server.shelved_image is None:
        raise Conflict(f"Cannot 'unshelve' instance {server.id} while it is being offloaded")
    _check(ctx, server, body)
    values: dict[str, Any] = {"task_state": "unshelving", "updated_at": ctx.tx.now}
    if "availability_zone" in body:
        values["zone"] = body["availability_zone"] or ""
    instance_action.begin(ctx, server, "unshelve", "compute_unshelve_instance")
    ctx.tx.change(server, **values)
    args: dict[str, Any] = {"image": server.shelved_image, "host": body.get("host", "")}
    flow.start(ctx.tx, UNSHELVE, server.id, ctx.request_id, **args)
    return Response(202)


def _wish(ctx: Context) -> dict[str, Any]:
    asked = ctx.inner("unshelve")
    if asked is None or ctx.version < (2, 77):
        return {}
    body = _UNSHELVE.parse(asked, ctx.where.at("unshelve"))
    zone = body.get("availability_zone", "")
    if not body or (zone is None and ctx.version < (2, 91)):
        raise BadRequest("unshelve must be null, or name an availability_zone (or a host, 2.91).")
    return body


def _check(ctx: Context, server: Server, body: dict[str, Any]) -> None:
    zone, host = body.get("availability_zone"), body.get("host")
    if zone and not ctx.tx.exists(ComputeHost, zone=zone):
        raise BadRequest(f"The requested availability zone is not available: {zone}")
    if host:
        ctx.require(rule("os-shelve:unshelve_to_host"), server.target)
        if not any(host in (one.host, one.hostname) for one in ctx.tx.all(ComputeHost)):
            raise BadRequest(f"Compute host {host} could not be found.")


_ACTION = "/v2.1/servers/{server_id}/action"
ROUTES = (
    Route("POST", _ACTION, shelve, action="shelve"),
    Route("POST", _ACTION, offload, action="shelveOffload"),
    Route("POST", _ACTION, unshelve, action="unshelve"),
)
