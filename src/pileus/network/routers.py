"""Routers in the API: gateway and routes. Interfaces stand in `interfaces`."""

import ipaddress
from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx, chunks
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Bool, Cidr, Field, Ip, ListOf, Object, Uuid
from ..wire.context import Context
from . import port_life, quota, topology
from .networks import NETWORKS, ZONE
from .noun import Noun, own, plain_target, touch
from .port_life import Fixed
from .ports import FIXED
from .rows import (
    GATEWAY,
    INTERFACE,
    FloatingIp,
    Network,
    Port,
    PortAddress,
    Router,
    Subnet,
)

_GATEWAY = Object(
    {
        "network_id": Field(Uuid(), True),
        "enable_snat": Field(Bool(True)),
        "external_fixed_ips": Field(FIXED),
    }
)
_ROUTES = ListOf(Object({"destination": Field(Cidr(), True), "nexthop": Field(Ip(), True)}), 30)


def _create(ctx: Context, values: dict[str, Any]) -> Router:
    tx = ctx.tx
    gateway = values.pop("external_gateway_info", None)
    quota.claim(tx, values["project_id"], "router")
    router = tx.add(Router(**values))
    if gateway:
        _set_gateway(ctx, router, gateway, "create")
    topology.mark(tx, "router", router.id)
    return router


def _update(ctx: Context, router: Router, values: dict[str, Any]) -> None:
    tx = ctx.tx
    gateway = values.pop("external_gateway_info", ...)
    routes = values.pop("routes", ...)
    touch(tx, router, **values)
    if gateway is not ...:
        if gateway:
            _set_gateway(ctx, router, gateway, "update")
        else:
            clear_gateway(tx, router)
    if routes is not ...:
        tx.change(router, routes=_routes(ctx, router, routes))
    topology.mark(tx, "router", router.id)


def _set_gateway(ctx: Context, router: Router, value: Any, verb: str) -> None:
    tx, where = ctx.tx, ctx.where.at("external_gateway_info")
    wanted = _GATEWAY.parse(value, where)
    target = plain_target(ctx, vars(router))
    for key in ("enable_snat", "external_fixed_ips"):
        if key in wanted:
            ctx.require(f"{verb}_router:external_gateway_info:{key}", target)
    network = NETWORKS.find(ctx, wanted["network_id"])
    if not network.external:
        raise BadRequest(
            f"Bad router request: Network {network.id} is not an external network.",
            kind="BadRequest",
        )
    fixed = None
    if wanted.get("external_fixed_ips"):
        fixed = [
            Fixed(f.get("subnet_id"), f.get("ip_address")) for f in wanted["external_fixed_ips"]
        ]
    port = tx.get(Port, router.gateway_port_id) if router.gateway_port_id else None
    if port is not None and port.network_id != network.id:
        clear_gateway(tx, router)
        port = None
    if port is None:
        _check_gateway_overlap(tx, router, network)
        port = Port(
            network_id=network.id,
            device_owner=GATEWAY,
            device_id=router.id,
            port_security_enabled=False,
        )
        port_life.make(tx, network, port, fixed)
        if not port_life.addresses_of(tx, port.id):
            raise BadRequest(
                f"Bad router request: No IPs available for external network {network.id}.",
                kind="BadRequest",
            )
    elif fixed is not None:
        port_life.reassign(tx, port, fixed)
    tx.change(
        router,
        gateway_port_id=port.id,
        gateway_network_id=network.id,
        enable_snat=wanted.get("enable_snat", router.enable_snat),
    )


def _check_gateway_overlap(tx: Tx, router: Router, network: Network) -> None:
    outside = tx.all(Subnet, network_id=network.id)
    for inner in subnets_of(tx, router.id):
        for outer in outside:
            if overlap(inner.cidr, outer.cidr):
                raise BadRequest(
                    f"Bad router request: Cidr {outer.cidr} of subnet {outer.id} overlaps with"
                    f" cidr {inner.cidr} of subnet {inner.id}.",
                    kind="BadRequest",
                )


def overlap(one: str, two: str) -> bool:
    """Whether two CIDRs have an address in common."""
    a, b = ipaddress.ip_network(one), ipaddress.ip_network(two)
    return a.version == b.version and a.overlaps(b)


def subnets_of(tx: Tx, router_id: str) -> list[Subnet]:
    """The subnets that the router's interfaces are on, without the gateway's."""
    held, port = PortAddress.table.c, Port.table.c
    inside = (
        sa.select(held.subnet_id)
        .join_from(PortAddress.table, Port.table, port.id == held.port_id)
        .where(port.device_id == router_id, port.device_owner == INTERFACE)
    )
    return tx.all(Subnet, Subnet.id.in_(inside))


def clear_gateway(tx: Tx, router: Router) -> None:
    """Take the router off its external network. Raises Conflict while floating IPs need it."""
    if router.gateway_port_id is None:
        return
    if tx.exists(FloatingIp, router_id=router.id):
        raise Conflict(
            f"Gateway cannot be updated for router {router.id}, since a gateway to external"
            f" network {router.gateway_network_id} is required by one or more floating IPs.",
            kind="RouterExternalGatewayInUseByFloatingIp",
        )
    port = tx.get(Port, router.gateway_port_id)
    if port is not None:
        port_life.remove(tx, port)
    tx.change(router, gateway_port_id=None, gateway_network_id=None, enable_snat=True)


def _routes(ctx: Context, router: Router, value: Any) -> list[dict[str, str]]:
    tx = ctx.tx
    routes = _ROUTES.parse(value or [], ctx.where.at("routes"))
    nets = [ipaddress.ip_network(subnet.cidr) for subnet in subnets_of(tx, router.id)]
    if router.gateway_network_id is not None:
        outside = tx.all(Subnet, network_id=router.gateway_network_id)
        nets += [ipaddress.ip_network(subnet.cidr) for subnet in outside]
    seen: list[dict[str, str]] = []
    for route in routes:
        hop = ipaddress.ip_address(route["nexthop"])
        if route in seen:
            raise _bad_routes(routes, "the same route stands there twice")
        if not any(hop in net for net in nets):
            raise _bad_routes(routes, "the nexthop is not connected with router")
        if ipaddress.ip_network(route["destination"]).version != hop.version:
            raise _bad_routes(routes, "destination and nexthop differ in IP version")
        seen.append(route)
    return routes


def _bad_routes(routes: Any, why: str) -> BadRequest:
    return BadRequest(f"Invalid format for routes: {routes}, {why}", kind="InvalidRoutes")


def _delete(ctx: Context, router: Router) -> None:
    tx = ctx.tx
    if tx.exists(Port, device_id=router.id, device_owner=INTERFACE):
        raise Conflict(f"Router {router.id} still has ports", kind="RouterInUse")
    clear_gateway(tx, router)
    tx.remove(router)
    topology.mark(tx, "router", router.id)


def _expand(ctx: Context, rows: list[Any], views: list[dict[str, Any]]) -> None:
    held: dict[str, list[dict[str, str]]] = defaultdict(list)
    for batch in chunks(row.gateway_port_id for row in rows if row.gateway_port_id):
        order = [PortAddress.position, PortAddress.ip]
        for address in ctx.tx.all(PortAddress, port_id=batch, order=order):
            one = {"subnet_id": address.subnet_id, "ip_address": address.ip}
            held[address.port_id].append(one)
    flags = [name for name in ("ha", "distributed") if ctx.allows(f"get_router:{name}")]
    for row, view in zip(rows, views, strict=True):
        view["external_gateway_info"] = None
        if row.gateway_port_id:
            view["external_gateway_info"] = {
                "network_id": row.gateway_network_id,
                "enable_snat": row.enable_snat,
                "external_fixed_ips": held[row.gateway_port_id],
            }
        view["availability_zones"] = [ZONE] if row.gateway_port_id else []
        view["flavor_id"] = None
        view |= dict.fromkeys(flags, False)


ROUTERS = Noun(
    Router,
    "Router",
    own(Router),
    _create,
    _delete,
    _update,
    extra=("external_gateway_info",),
    extra_update=("external_gateway_info", "routes"),
    expand=_expand,
)


def connected(tx: Tx, subnet_id: str, external_id: str) -> Router | None:
    """The router that joins a subnet to an external network."""
    held, port = PortAddress.table.c, Port.table.c
    routers = (
        sa.select(port.device_id)
        .join_from(PortAddress.table, Port.table, port.id == held.port_id)
        .where(held.subnet_id == subnet_id, port.device_owner == INTERFACE)
    )
    return tx.one(Router, Router.id.in_(routers), gateway_network_id=external_id)


def not_there(router_id: str, subnet_id: str) -> NotFound:
    """The 404 of an interface that the router does not have."""
    return NotFound(
        f"Router {router_id} has no interface on subnet {subnet_id}",
        kind="RouterInterfaceNotFoundForSubnet",
    )
