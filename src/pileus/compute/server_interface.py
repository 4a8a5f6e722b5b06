"""A server's interfaces: shown, attached while it runs, and detached."""

from typing import Any

from .. import network
from ..core import flow
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Field, Ip, ListOf, Object, Uuid
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action
from .flows.interface import ATTACH, DETACH
from .server import Server, find, hosted, idle, ready, unlocked
from .server_body import TAG

_FIXED = Object({"ip_address": Field(Ip(), required=True)})
_ATTACH = Object(
    {
        "net_id": Uuid(),
        "port_id": Uuid(),
        "fixed_ips": ListOf(_FIXED, limit=1),
        "tag": Field(TAG, since=(2, 49)),
    }
)


def list_interfaces(ctx: Context) -> object:
    """The server's ports."""
    server = find(ctx, "os-attach-interfaces:list")
    nics = network.server_nics(ctx.tx, server.id)
    return {"interfaceAttachments": [_view(ctx, nic) for nic in nics]}


def show_interface(ctx: Context) -> object:
    """One port."""
    server = find(ctx, "os-attach-interfaces:show")
    return {"interfaceAttachment": _view(ctx, _nic(ctx, server, ctx.params["port_id"]))}


def attach(ctx: Context) -> object:
    """Give the server a port that is there, or a new one. It is plugged after the answer."""
    inner = ctx.inner("interfaceAttachment") if ctx.body else {}
    body = _ATTACH.parse(inner, ctx.where.at("interfaceAttachment"))
    if body.get("net_id") and body.get("port_id"):
        raise BadRequest("Must not input both network_id and port_id")
    fixed = body.get("fixed_ips") or []
    if fixed and not body.get("net_id"):
        raise BadRequest("Must input network_id when request IP address")
    server = _changeable(ctx, "os-attach-interfaces:create", "attach_interface")
    wish = network.NetworkRequest(
        network_id=body.get("net_id"),
        port_id=body.get("port_id"),
        fixed_ip=fixed[0]["ip_address"] if fixed else None,
        tag=body.get("tag"),
    )
    port_id = _claim(ctx, server, wish)
    instance_action.begin(ctx, server, "attach_interface", "compute_attach_interface")
    flow.start(ctx.tx, ATTACH, server.id, ctx.request_id, port=port_id)
    return {"interfaceAttachment": _view(ctx, _nic(ctx, server, port_id))}


def _claim(ctx: Context, server: Server, wish: network.NetworkRequest) -> str:
    wanted = [wish] if wish.network_id or wish.port_id else []
    try:
        ports = network.claim_ports(
            ctx.tx,
            ctx.who,
            server.id,
            wanted,
            hostname=server.hostname,
            availability_zone=server.zone,
        )
    except network.Absent as absent:
        raise NotFound(absent.message) from None
    except Conflict as taken:
        raise BadRequest(taken.message) from None
    if not ports:
        raise BadRequest(
            "No specific network was requested and none are available for project"
            f" '{ctx.who.project_id}'."
        )
    network.bind_ports(ctx.tx, server.id, hosted(server))
    return ports[0].id


def detach(ctx: Context) -> object:
    """Take a port from the server, once its guest has let go of it."""
    server = _changeable(ctx, "os-attach-interfaces:delete", "detach_interface")
    port_id = _nic(ctx, server, ctx.params["port_id"]).port_id
    instance_action.begin(ctx, server, "detach_interface", "compute_detach_interface")
    flow.start(ctx.tx, DETACH, server.id, ctx.request_id, port=port_id)
    return Response(202)


def _changeable(ctx: Context, name: str, verb: str) -> Server:
    server = find(ctx, name)
    unlocked(ctx, server)
    ready(server, verb, ("active", "paused", "stopped"))
    hosted(server)
    idle(ctx, server, verb)
    return server


def _nic(ctx: Context, server: Server, port_id: str) -> network.NicInfo:
    for nic in network.server_nics(ctx.tx, server.id):
        if nic.port_id == port_id:
            return nic
    raise NotFound(f"Instance {server.id} does not have a port with id {port_id[:255]}")


def _view(ctx: Context, nic: network.NicInfo) -> dict[str, Any]:
    ips = [{"ip_address": a.ip, "subnet_id": a.subnet_id} for a in nic.addresses]
    shown: dict[str, Any] = {
        "port_id": nic.port_id,
        "net_id": nic.network_id,
        "mac_addr": nic.mac,
        "port_state": nic.status,
        "fixed_ips": ips,
    }
    return shown | ({"tag": None} if ctx.version >= (2, 70) else {})


_MANY = "/v2.1/servers/{server_id}/os-interface"
_ONE = _MANY + "/{port_id}"
ROUTES = (
    Route("GET", _MANY, list_interfaces),
    Route("GET", _ONE, show_interface),
    Route("POST", _MANY, attach),
    Route("DELETE", _ONE, detach),
)
