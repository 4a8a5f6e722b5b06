"""Floating IPs in the API."""

from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Ip, Uuid
from ..wire.context import Context
from . import port_life, quota, topology
from .networks import NETWORKS
from .noun import Noun, own, touch
from .port_life import Fixed
from .ports import PORTS
from .routers import connected
from .rows import FLOATING, FloatingIp, Port

_UUID = Uuid()


def _create(ctx: Context, values: dict[str, Any]) -> FloatingIp:
    tx, where = ctx.tx, ctx.where
    values["floating_network_id"] = _UUID.parse(
        values["floating_network_id"], where.at("floating_network_id")
    )
    network = NETWORKS.find(ctx, values["floating_network_id"])
    if not network.external:
        raise BadRequest(
            f"Bad floatingip request: Network {network.id} is not a valid external network.",
            kind="BadRequest",
        )
    ip, subnet_id = values.pop("floating_ip_address", None), values.pop("subnet_id", None)
    port_id, inside = values.pop("port_id", None), values.pop("fixed_ip_address", None)
    if inside is not None and port_id is None:
        raise BadRequest(
            "Bad floatingip request: fixed_ip_address cannot be specified without a port_id.",
            kind="BadRequest",
        )
    if ip is not None:
        ip = Ip(4).parse(ip, where.at("floating_ip_address"))
    if subnet_id is not None:
        subnet_id = _UUID.parse(subnet_id, where.at("subnet_id"))
    quota.claim(tx, values["project_id"], "floatingip")
    floating = FloatingIp(**values)
    floating.id = tx.ids.uuid()
    port = Port(
        network_id=network.id,
        device_owner=FLOATING,
        device_id=floating.id,
        port_security_enabled=False,
        status="N/A",
    )
    fixed: list[Fixed] | None
    if ip or subnet_id:
        fixed = [Fixed(subnet_id, ip)]
    else:
        fours = [s.id for s in port_life.subnets_of(tx, network.id) if s.ip_version == 4]
        fixed = [Fixed(fours[0])] if len(fours) == 1 else None
    port_life.make(tx, network, port, fixed)
    taken = [held.ip for held in port_life.addresses_of(tx, port.id) if "." in held.ip]
    if not taken:
        raise Conflict(
            f"External network {network.id} does not contain any IPv4 subnet",
            kind="ExternalIpAddressExhausted",
        )
    floating.floating_ip_address = taken[0]
    floating.floating_port_id = port.id
    tx.add(floating)
    if port_id is not None:
        _associate(ctx, floating, port_id, inside)
    return floating


def _associate(ctx: Context, floating: FloatingIp, port_id: Any, inside: Any) -> None:
    """Lead the floating IP to a port's address."""
    tx = ctx.tx
    port = PORTS.find(ctx, _UUID.parse(port_id, ctx.where.at("port_id")))
    if port.project_id != floating.project_id:
        raise BadRequest(
            f"Bad floatingip request: Port {port.id} is not of the same project as the floating"
            " IP.",
            kind="BadRequest",
        )
    held = [address for address in port_life.addresses_of(tx, port.id) if "." in address.ip]
    if inside is not None:
        wanted = Ip(4).parse(inside, ctx.where.at("fixed_ip_address"))
        held = [address for address in held if address.ip == wanted]
        if not held:
            raise BadRequest(
                f"Bad floatingip request: Port {port.id} does not have fixed ip {wanted}.",
                kind="BadRequest",
            )
    if not held:
        raise BadRequest(
            f"Bad floatingip request: Cannot add floating IP to port {port.id} that has no fixed"
            " IPv4 addresses.",
            kind="BadRequest",
        )
    if len(held) > 1:
        raise BadRequest(
            f"Bad floatingip request: Port {port.id} has multiple fixed IPv4 addresses. Must"
            " provide a specific IPv4 address when assigning a floating IP.",
            kind="BadRequest",
        )
    address = held[0]
    router = connected(tx, address.subnet_id, floating.floating_network_id)
    if router is None:
        raise NotFound(
            f"External network {floating.floating_network_id} is not reachable from subnet"
            f" {address.subnet_id}. Therefore, cannot associate Port {port.id} with a"
            " Floating IP.",
            kind="ExternalGatewayForFloatingIPNotFound",
        )
    other = tx.one(FloatingIp, port_id=port.id, fixed_ip_address=address.ip)
    if other is not None and other.id != floating.id:
        raise Conflict(
            f"Cannot associate floating IP {floating.floating_ip_address} ({floating.id}) with"
            f" port {port.id} using fixed IP {address.ip}, as that fixed IP already has a floating"
            f" IP on external network {floating.floating_network_id}.",
            kind="FloatingIPPortAlreadyAssociated",
        )
    _release(tx, floating)
    touch(tx, floating, port_id=port.id, fixed_ip_address=address.ip, router_id=router.id)
    topology.mark(tx, "router", router.id)


def _release(tx: Tx, floating: FloatingIp) -> None:
    if floating.router_id is not None:
        topology.mark(tx, "router", floating.router_id)
    tx.change(floating, port_id=None, fixed_ip_address=None, router_id=None, status="DOWN")


def _update(ctx: Context, floating: FloatingIp, values: dict[str, Any]) -> None:
    port_id, inside = values.pop("port_id", ...), values.pop("fixed_ip_address", None)
    if port_id is ... and inside is not None:
        port_id = floating.port_id
        if port_id is None:
            raise BadRequest(
                "Bad floatingip request: fixed_ip_address cannot be specified without a port_id.",
                kind="BadRequest",
            )
    touch(ctx.tx, floating, **values)
    if port_id is None:
        _release(ctx.tx, floating)
    elif port_id is not ...:
        _associate(ctx, floating, port_id, inside)


def _delete(ctx: Context, floating: FloatingIp) -> None:
    tx = ctx.tx
    _release(tx, floating)
    port = tx.get(Port, floating.floating_port_id)
    tx.remove(floating)
    if port is not None:
        port_life.remove(tx, port)


FLOATING_IPS = Noun(
    FloatingIp,
    "FloatingIP",
    own(FloatingIp),
    _create,
    _delete,
    _update,
    extra=("floating_ip_address", "subnet_id", "port_id", "fixed_ip_address"),
    extra_update=("port_id", "fixed_ip_address"),
)
