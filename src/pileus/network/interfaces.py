"""Joining subnets to routers, and parting them."""

import ipaddress
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Field, Object, Uuid
from ..wire.context import Context
from ..wire.route import Route
from . import port_life, quota, topology
from .networks import NETWORKS
from .noun import plain_target, touch
from .port_life import Fixed
from .ports import PORTS
from .routers import ROUTERS, not_there, overlap, subnets_of
from .rows import INTERFACE, FloatingIp, Port, PortAddress, Router, Subnet
from .subnets import SUBNETS

_WISH = Object({"subnet_id": Field(Uuid()), "port_id": Field(Uuid())})


def _wish(ctx: Context) -> dict[str, Any]:
    wish = _WISH.parse(ctx.body, ctx.where)
    if not wish:
        raise _bad("Either subnet_id or port_id must be specified")
    return wish


def _bad(text: str) -> BadRequest:
    return BadRequest(f"Bad router request: {text}.", kind="BadRequest")


def _router(ctx: Context, verb: str) -> Router:
    router = ROUTERS.find(ctx, ctx.params["id"])
    ctx.require(f"{verb}_router_interface", plain_target(ctx, vars(router)))
    return router


def _add(ctx: Context) -> object:
    tx, wish = ctx.tx, _wish(ctx)
    router = _router(ctx, "add")
    if "port_id" in wish:
        if "subnet_id" in wish:
            raise _bad("Cannot specify both subnet-id and port-id")
        port = _join_port(ctx, router, wish["port_id"])
    else:
        port = _join_subnet(ctx, router, wish["subnet_id"])
    touch(tx, router)
    topology.mark(tx, "port", port.id)
    topology.mark(tx, "router", router.id)
    return _answer(tx, router, port)


def _answer(tx: Tx, router: Router, port: Port) -> dict[str, Any]:
    subnets = [held.subnet_id for held in port_life.addresses_of(tx, port.id)]
    return {
        "id": router.id,
        "tenant_id": router.project_id,
        "project_id": router.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnets[0] if subnets else None,
        "subnet_ids": subnets,
        "tags": router.tags,
    }


def _join_subnet(ctx: Context, router: Router, subnet_id: str) -> Port:
    tx = ctx.tx
    subnet = SUBNETS.find(ctx, subnet_id)
    if subnet.gateway_ip is None:
        raise _bad("Subnet for router interface must have a gateway IP")
    _check_new(tx, router, subnet)
    network = NETWORKS.find(ctx, subnet.network_id)
    quota.claim(tx, router.project_id, "port")
    port = Port(
        network_id=network.id,
        project_id=router.project_id,
        device_owner=INTERFACE,
        device_id=router.id,
        port_security_enabled=False,
    )
    local = ipaddress.ip_address(subnet.gateway_ip).is_link_local
    ip = None if local else subnet.gateway_ip
    try:
        port_life.make(tx, network, port, [Fixed(subnet.id, ip)])
    except Conflict as taken:
        if taken.kind != "IpAddressAlreadyAllocated":
            raise
        raise Conflict(
            f"Unable to complete operation for network {network.id}. The IP address"
            f" {subnet.gateway_ip} is in use.",
            kind="IpAddressInUse",
        ) from taken
    return port


def _join_port(ctx: Context, router: Router, port_id: str) -> Port:
    tx = ctx.tx
    port = PORTS.find(ctx, port_id)
    if port.device_id:
        raise Conflict(
            f"Unable to complete operation on port {port.id} for network {port.network_id}."
            f" Port already has an attached device {port.device_id}.",
            kind="PortInUse",
        )
    held = port_life.addresses_of(tx, port.id)
    if not held:
        raise _bad("Router port must have at least one fixed IP")
    found = tx.all(Subnet, id=[address.subnet_id for address in held])
    if sum(subnet.ip_version == 4 for subnet in found) > 1:
        raise _bad("Cannot have multiple IPv4 subnets on router port")
    for subnet in found:
        _check_new(tx, router, subnet)
    port_life.set_groups(tx, port, ())
    touch(
        tx,
        port,
        device_id=router.id,
        device_owner=INTERFACE,
        port_security_enabled=False,
        allowed_address_pairs=[],
    )
    return port


def _check_new(tx: Tx, router: Router, subnet: Subnet) -> None:
    others = subnets_of(tx, router.id)
    if router.gateway_network_id is not None:
        others += tx.all(Subnet, network_id=router.gateway_network_id)
    for other in others:
        if other.id == subnet.id:
            raise _bad(f"Router already has a port on subnet {subnet.id}")
        if overlap(subnet.cidr, other.cidr):
            raise _bad(
                f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {other.cidr} of"
                f" subnet {other.id}"
            )


def _remove(ctx: Context) -> object:
    tx, wish = ctx.tx, _wish(ctx)
    router = _router(ctx, "remove")
    port = _port_of(tx, router, wish)
    held = port_life.addresses_of(tx, port.id)
    subnets = tx.all(Subnet, id=[address.subnet_id for address in held])
    if "subnet_id" in wish and wish["subnet_id"] not in [subnet.id for subnet in subnets]:
        raise Conflict(
            f"The subnet {wish['subnet_id']} does not match the port {port.id}.",
            kind="SubnetMismatchForPort",
        )
    for subnet in subnets:
        _check_unneeded(tx, router, subnet)
    answer = _answer(tx, router, port)
    if "subnet_id" in wish:
        answer["subnet_id"] = wish["subnet_id"]
    port_life.remove(tx, port)
    touch(tx, router)
    topology.mark(tx, "router", router.id)
    return answer


def _port_of(tx: Tx, router: Router, wish: dict[str, Any]) -> Port:
    mine = (Port.device_id == router.id, Port.device_owner == INTERFACE)
    if "port_id" in wish:
        port = tx.one(Port, Port.id == wish["port_id"], *mine)
        if port is None:
            raise NotFound(
                f"Router {router.id} does not have an interface with id {wish['port_id']}",
                kind="RouterInterfaceNotFound",
            )
        return port
    held = PortAddress.table.c
    there = sa.select(held.port_id).where(held.subnet_id == wish["subnet_id"])
    port = tx.one(Port, Port.id.in_(there), *mine)
    if port is None:
        if tx.get(Subnet, wish["subnet_id"]) is None:
            raise NotFound(f"Subnet {wish['subnet_id']} could not be found.", kind="SubnetNotFound")
        raise not_there(router.id, wish["subnet_id"])
    return port


def _check_unneeded(tx: Tx, router: Router, subnet: Subnet) -> None:
    net = ipaddress.ip_network(subnet.cidr)
    for floating in tx.all(FloatingIp, router_id=router.id):
        if ipaddress.ip_address(str(floating.fixed_ip_address)) in net:
            raise Conflict(
                f"Router interface for subnet {subnet.id} on router {router.id} cannot be deleted,"
                " as it is required by one or more floating IPs.",
                kind="RouterInterfaceInUseByFloatingIP",
            )
    for route in router.routes:
        if ipaddress.ip_address(route["nexthop"]) in net:
            raise Conflict(
                f"Router interface for subnet {subnet.id} on router {router.id} cannot be deleted,"
                " as it is required by one or more routes.",
                kind="RouterInterfaceInUseByRoute",
            )


ROUTES = (
    Route("PUT", "/v2.0/routers/{id}/add_router_interface", _add),
    Route("PUT", "/v2.0/routers/{id}/remove_router_interface", _remove),
)
