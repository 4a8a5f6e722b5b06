"""Rebuilding a server: a new start from an image, with the same id, addresses, size and host."""

import secrets
from typing import Any

from .. import placement
from ..core import flow
from ..core.errors import BadRequest, Conflict, Forbidden
from ..core.quota import limits
from ..core.types import AnyOf, Bool, Enum, Field, Ip, Json, ListOf, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import boot_image, instance_action, server_body
from .flows.rebuild import REBUILD
from .host import ComputeHost, host_id
from .keypair import Keypair
from .migration import shares
from .numa.topology import topology
from .numa.wanted import wanted
from .quota import DEFAULTS
from .scheduler import NoValidHost, Scheduler, wish_of
from .server import Server, find, hosted, idle, ready, unlocked
from .server_view import View
from .spec import disks

_BODY = Object(
    {
        "imageRef": Field(Text(255), required=True),
        "name": server_body.NAME,
        "adminPass": Text(255),
        "metadata": server_body.META,
        "preserve_ephemeral": Bool(strings=True),
        "OS-DCF:diskConfig": Enum("AUTO", "MANUAL"),
        "accessIPv4": Field(AnyOf(Ip(4), Enum("")), null=True),
        "accessIPv6": Field(AnyOf(Ip(6), Enum("")), null=True),
        "personality": Field(Json(), until=(2, 56)),
        "description": Field(Text(255), null=True, since=(2, 19)),
        "key_name": Field(Text(255, 1), null=True, since=(2, 54)),
        "user_data": Field(Text(65535), null=True, since=(2, 57)),
        "trusted_image_certificates": Field(
            ListOf(Text(255, 1), limit=50), null=True, since=(2, 63)
        ),
        "hostname": Field(server_body.FQDN, since=(2, 90)),
    }
)


# What it was made of, until its host has thrown that away.
_KEPT = ("image_id", "image_properties", "image_min_ram", "disks", "builds", "admin_pass")


def rebuild(ctx: Context) -> object:
    """Start a server anew from an image. What was on its disks is lost."""
    body = _BODY.parse(ctx.inner("rebuild"), ctx.where.at("rebuild"))
    server_body.check_hostname(ctx, body, "rebuild")
    server_body.check_user_data(body.get("user_data"))
    _refuse(body)
    server = find(ctx, "servers:rebuild")
    unlocked(ctx, server)
    ready(server, "rebuild", ("active", "stopped", "error"))
    idle(ctx, server, "rebuild")
    if server.host is None:
        raise Conflict(f"Cannot 'rebuild' instance {server.id} while it is in vm_state building")
    image = boot_image.named(ctx, str(body["imageRef"]))
    root_gb = boot_image.root_gb(server.flavor, image)
    properties = boot_image.properties(image)
    topology(server.flavor, properties)
    if wanted(server.flavor, properties) != wanted(server.flavor, server.image_properties):
        raise BadRequest(
            f"Image {image.id} asks for other NUMA cells than the server has, and a rebuild keeps"
            " these: make a new server from it."
        )
    password = body.get("adminPass") or secrets.token_urlsafe(9)[:12]
    values = server_body.columns(body)
    _check_meta(ctx, server, values.get("meta", {}))
    power = "shutoff" if server.vm_state == "stopped" else "running"
    before = {name: getattr(server, name) for name in _KEPT}
    instance_action.begin(ctx, server, "rebuild", "compute_rebuild_instance")
    ctx.tx.change(
        server,
        **values,
        **_key(ctx, body),
        image_id=image.id,
        image_properties=properties,
        image_min_ram=image.min_ram,
        disks=disks(server.flavor, image.id, root_gb),
        admin_pass=ctx.tx.vault.seal(password),
        builds=server.next_build,
        task_state="rebuilding",
        updated_at=ctx.tx.now,
    )
    _claim(ctx, server)
    flow.start(ctx.tx, REBUILD, server.id, ctx.request_id, power=power, before=before)
    shown = View(ctx, [server], "update")(server) | {"adminPass": password}
    if ctx.version >= (2, 54):
        shown["key_name"] = server.key_name
    if ctx.version >= (2, 57):
        shown["user_data"] = server.user_data
    location = ctx.url(f"/v2.1/servers/{server.id}")
    return Response(202, {"server": shown}, {"Location": location})


def _refuse(body: dict[str, Any]) -> None:
    if body.get("personality"):
        raise BadRequest(
            "Files cannot be injected (personality): give them as user_data for cloud-init."
        )
    if body.get("trusted_image_certificates"):
        raise BadRequest("Image signatures are not checked here: leave out the certificates.")
    if body.get("preserve_ephemeral"):
        raise BadRequest("The current driver does not support preserving ephemeral partitions.")


def _check_meta(ctx: Context, server: Server, meta: dict[str, str]) -> None:
    most = limits(ctx.tx, "compute", server.project_id, DEFAULTS)["metadata_items"]
    if len(meta) > most >= 0:
        raise Forbidden("Maximum number of metadata items exceeds the quota.")


def _key(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    if "key_name" not in body:
        return {}
    if body["key_name"] is None:
        return {"key_name": None, "key_data": None, "key_type": "ssh"}
    found = ctx.tx.get(Keypair, ctx.who.user_id, body["key_name"])
    if found is None:
        raise BadRequest("Invalid key_name provided.")
    return {"key_name": found.name, "key_data": found.public_key, "key_type": found.type}


def _claim(ctx: Context, server: Server) -> None:
    """Hold what the server is now: without a disk in its flavor, the image says how large it is.

    Its host must be one for the image.
    """
    key = host_id(hosted(server))
    host = ctx.tx.get(ComputeHost, key)
    try:
        if host is not None:
            ctx.parts[Scheduler].check(ctx.tx, host, wish_of(server))
    except NoValidHost as none:
        raise BadRequest(str(none)) from None
    amounts = shares(server, None)[key]
    try:
        placement.claim(ctx.tx, server.id, server.project_id, server.user_id, key, amounts)
    except placement.NoCapacity as none:
        raise BadRequest(f"No valid host was found. {none}") from None


ROUTES = (Route("POST", "/v2.1/servers/{server_id}/action", rebuild, action="rebuild"),)
