"""Rescuing a server that does not boot; a flow does the rest."""

import secrets

from ..core import desired, flow
from ..core.types import Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import boot_image, instance_action
from .flows.guest import GUEST
from .flows.rescue import RESCUE, UNRESCUE
from .server import GUEST_POWER, find, hosted, idle, ready, unlocked

_RESCUE = Object({"adminPass": Text(255), "rescue_image_ref": Text(255)})


def rescue(ctx: Context) -> object:
    """Boot the server from an image, by default its own, with its disks beside that."""
    asked = ctx.inner("rescue")
    body = {} if asked is None else _RESCUE.parse(asked, ctx.where.at("rescue"))
    server = find(ctx, "os-rescue")
    unlocked(ctx, server)
    ready(server, "rescue", ("active", "stopped", "error"))
    idle(ctx, server, "rescue")
    hosted(server)
    image = boot_image.named(ctx, str(body.get("rescue_image_ref", server.image_id or "")))
    password = body.get("adminPass") or secrets.token_urlsafe(9)[:12]
    before = GUEST_POWER[server.vm_state]
    instance_action.begin(ctx, server, "rescue", "compute_rescue_instance")
    ctx.tx.change(
        server,
        task_state="rescuing",
        admin_pass=ctx.tx.vault.seal(password),
        updated_at=ctx.tx.now,
    )
    flow.start(ctx.tx, RESCUE, server.id, ctx.request_id, image=image.id, before=before)
    return Response(200, {"adminPass": password})


def unrescue(ctx: Context) -> object:
    """Boot the server from its own disk again."""
    server = find(ctx, "os-unrescue")
    unlocked(ctx, server)
    ready(server, "unrescue", ("rescued",))
    idle(ctx, server, "unrescue")
    row = desired.find(ctx.tx, hosted(server), GUEST, server.id)
    now = {"disks": row.spec["disks"]} if row is not None and row.spec is not None else {}
    instance_action.begin(ctx, server, "unrescue", "compute_unrescue_instance")
    ctx.tx.change(server, task_state="unrescuing", updated_at=ctx.tx.now)
    flow.start(ctx.tx, UNRESCUE, server.id, ctx.request_id, before="running", **now)
    return Response(202)


_ACTION = "/v2.1/servers/{server_id}/action"
ROUTES = (
    Route("POST", _ACTION, rescue, action="rescue"),
    Route("POST", _ACTION, unrescue, action="unrescue"),
)
