"""Subnets in the API."""

import ipaddress
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Cidr, Field, Ip, ListOf, Object
from ..wire.context import Context
from . import allocate, metadata, quota, topology
from .allocate import AUTOMATIC
from .networks import NETWORKS, routers_on
from .noun import Noun, admin, plain_target, touch
from .rows import GATEWAY, INTERFACE, METADATA, Network, Port, PortAddress, Subnet

POOLS = ListOf(Object({"start": Field(Ip(), True), "end": Field(Ip(), True)}), 100)
ROUTES = ListOf(Object({"destination": Field(Cidr(), True), "nexthop": Field(Ip(), True)}), 30)


def _visible(ctx: Context) -> Sequence["sa.ColumnElement[bool]"]:
    if admin(ctx):
        return ()
    networks = sa.select(Network.table.c.id).where(
        sa.or_(Network.project_id == ctx.project_id, Network.shared.is_(True))
    )
    return (sa.or_(Subnet.project_id == ctx.project_id, Subnet.network_id.in_(networks)),)


def wrong(text: str, kind: str = "InvalidInput") -> BadRequest:
    """A 400 in Neutron's words."""
    return BadRequest(f"Invalid input for operation: {text}.", kind=kind)


def _target(ctx: Context, values: Mapping[str, Any]) -> dict[str, Any]:
    network = NETWORKS.find(ctx, values["network_id"])
    found = plain_target(ctx, values)
    return found | {"network:tenant_id": network.project_id, "shared": network.shared}


def _create(ctx: Context, values: dict[str, Any]) -> Subnet:
    tx, where = ctx.tx, ctx.where
    network = NETWORKS.find(ctx, values["network_id"])
    version = values.pop("ip_version", None)
    if version not in (4, 6, "4", "6"):
        raise where.at("ip_version").wrong(version, "4 or 6")
    if values.get("subnetpool_id") is not None:
        pool = str(values["subnetpool_id"])[:64]
        raise NotFound(f"Subnet pool {pool} could not be found.", kind="SubnetPoolNotFound")
    values.pop("subnetpool_id", None)
    net = _cidr(values.pop("cidr", None), int(version), ctx)
    _check_modes(values, net)
    _check_overlap(tx, network, net)
    gateway = _gateway(values, net, ctx)
    pools = values.pop("allocation_pools", None)
    if pools is None:
        pools = allocate.default_pools(str(net), gateway)
    else:
        pools = _pools(POOLS.parse(pools, where.at("allocation_pools")), net)
    _check_gateway(gateway, pools)
    routes = _routes(values.pop("host_routes", None) or [], net, ctx)
    quota.claim(tx, values["project_id"], "subnet")
    subnet = tx.add(
        Subnet(
            **values,
            ip_version=net.version,
            cidr=str(net),
            gateway_ip=gateway,
            allocation_pools=pools,
            host_routes=routes,
        )
    )
    _spread(tx, network)
    return subnet


Net = ipaddress.IPv4Network | ipaddress.IPv6Network


def _cidr(text: Any, version: int, ctx: Context) -> Net:
    if text is None:
        raise BadRequest(
            "a subnetpool must be specified in the absence of a cidr", kind="BadRequest"
        )
    net = ipaddress.ip_network(Cidr().parse(text, ctx.where.at("cidr")))
    if "/" not in text or ipaddress.ip_interface(text).ip != net.network_address:
        raise wrong(f"'{text}' isn't a recognized IP subnet cidr, '{net}' is recommended")
    if net.version != version:
        raise wrong(f"cidr '{net}' does not match the ip_version '{version}'")
    if net.prefixlen == 0 or net.is_multicast or net.is_loopback:
        raise wrong(f"the cidr {net} cannot be a subnet's")
    return net


def _check_modes(values: dict[str, Any], net: Net) -> None:
    ra, address = values.get("ipv6_ra_mode"), values.get("ipv6_address_mode")
    if ra is None and address is None:
        return
    if net.version == 4:
        raise wrong("ipv6_ra_mode and ipv6_address_mode are for IPv6 subnets only")
    if values.get("enable_dhcp") is False:
        raise wrong("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is False")
    if ra is not None and address is not None and ra != address:
        raise wrong(
            f"ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{address}' is not valid"
        )
    if net.prefixlen != 64 and {ra, address} & set(allocate.AUTOMATIC):
        raise wrong(f"Invalid CIDR {net} for IPv6 address mode. It must be a /64")


def _check_overlap(tx: Tx, network: Network, net: Net) -> None:
    for other in tx.all(Subnet, network_id=network.id):
        theirs = ipaddress.ip_network(other.cidr)
        if theirs.version == net.version and net.overlaps(theirs):
            raise wrong(
                f"Requested subnet with cidr: {net} for network: {network.id} overlaps with"
                f" another subnet. Subnet {other.id} has {theirs}"
            )


def _gateway(values: dict[str, Any], net: Net, ctx: Context) -> str | None:
    if "gateway_ip" not in values:
        if values.get("ipv6_ra_mode") is None and net.version == 6:
            return str(net.network_address + 1)
        return str(net.network_address + (0 if net.prefixlen >= net.max_prefixlen - 1 else 1))
    text = values.pop("gateway_ip")
    if text is None or text == "":
        return None
    gateway = Ip(net.version).parse(text, ctx.where.at("gateway_ip"))
    _inside(gateway, net)
    return gateway


def _inside(gateway: str, net: Net) -> None:
    address = ipaddress.ip_address(gateway)
    ends = (net.network_address, net.broadcast_address)
    local = net.version == 6 and address.is_link_local
    if local:
        return
    if address not in net or (net.version == 4 and net.prefixlen < 31 and address in ends):
        raise wrong(f"Gateway {gateway} is not valid on subnet {net}")


def _pools(pools: list[dict[str, str]], net: Net) -> list[dict[str, str]]:
    ranges = []
    for pool in pools:
        first, last = ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])
        text = f"{first}-{last}"
        if first.version != net.version or last.version != net.version or int(first) > int(last):
            raise BadRequest(
                f"The allocation pool {text} is not valid.", kind="InvalidAllocationPool"
            )
        usable = allocate.default_pools(str(net), None)[0]
        low, high = (int(ipaddress.ip_address(usable[k])) for k in ("start", "end"))
        if int(first) < low or int(last) > high:
            raise BadRequest(
                f"The allocation pool {text} spans beyond the subnet cidr {net}.",
                kind="OutOfBoundsAllocationPool",
            )
        ranges.append((int(first), int(last), text))
    ranges.sort()
    for (_, end, one), (start, _, two) in pairwise(ranges):
        if start <= end:
            raise Conflict(
                f"Found overlapping allocation pools: {one} {two} for subnet {net}.",
                kind="OverlappingAllocationPools",
            )
    return pools


def _check_gateway(gateway: str | None, pools: list[dict[str, str]]) -> None:
    if gateway is None:
        return
    number = int(ipaddress.ip_address(gateway))
    for pool in pools:
        first, last = (int(ipaddress.ip_address(pool[k])) for k in ("start", "end"))
        if first <= number <= last:
            raise Conflict(
                f"Gateway ip {gateway} conflicts with allocation pool"
                f" {pool['start']}-{pool['end']}.",
                kind="GatewayConflictWithAllocationPools",
            )


def _routes(value: Any, net: Net, ctx: Context) -> list[dict[str, str]]:
    routes = ROUTES.parse(value, ctx.where.at("host_routes"))
    for route in routes:
        if ipaddress.ip_address(route["nexthop"]).version != net.version:
            raise wrong(f"the next hop {route['nexthop']} is not of IP version {net.version}")
    return routes


def _update(ctx: Context, subnet: Subnet, values: dict[str, Any]) -> None:
    tx = ctx.tx
    net = ipaddress.ip_network(subnet.cidr)
    pools = subnet.allocation_pools
    if values.get("allocation_pools") is not None:
        where = ctx.where.at("allocation_pools")
        pools = values["allocation_pools"] = _pools(
            POOLS.parse(values["allocation_pools"], where), net
        )
    if "gateway_ip" in values:
        gateway = _gateway(values, net, ctx)
        if gateway != subnet.gateway_ip:
            _check_gateway_unused(tx, subnet)
        values["gateway_ip"] = gateway
    _check_gateway(values.get("gateway_ip", subnet.gateway_ip), pools)
    if "host_routes" in values:
        values["host_routes"] = _routes(values["host_routes"] or [], net, ctx)
    if values.get("enable_dhcp") is False and (subnet.ipv6_ra_mode or subnet.ipv6_address_mode):
        raise wrong("enable_dhcp cannot be False while an IPv6 mode is set")
    touch(tx, subnet, **values)
    network = tx.get(Network, subnet.network_id)
    assert network is not None  # noqa: S101
    _spread(tx, network)


def _check_gateway_unused(tx: Tx, subnet: Subnet) -> None:
    if subnet.gateway_ip is None:
        return
    held = tx.get(PortAddress, subnet.id, subnet.gateway_ip)
    port = tx.get(Port, held.port_id) if held is not None else None
    if port is not None and port.device_owner == INTERFACE:
        raise Conflict(
            f"Current gateway ip {subnet.gateway_ip} already in use by port {port.id}."
            " Unable to update.",
            kind="GatewayIpInUse",
        )


def _spread(tx: Tx, network: Network) -> None:
    """The network's subnets have changed: tell the switch, its routers and its metadata port."""
    metadata.refresh_port(tx, network)
    topology.mark(tx, "switch", network.id)
    topology.mark_all(tx, "router", routers_on(tx, network.id))


def _delete(ctx: Context, subnet: Subnet) -> None:
    tx = ctx.tx
    query = (
        sa.select(Port.table.c.id, Port.table.c.device_owner)
        .join(PortAddress.table, PortAddress.table.c.port_id == Port.table.c.id)
        .where(PortAddress.table.c.subnet_id == subnet.id, Port.device_owner != METADATA)
    )
    ports = tx.execute(query).all()
    automatic = subnet.ipv6_address_mode in AUTOMATIC
    # Addresses that guests make for themselves go with the prefix; a router's is an order.
    if any(not automatic or owner in (INTERFACE, GATEWAY) for _, owner in ports):
        raise Conflict(
            f"Unable to complete operation on subnet {subnet.id}: One or more ports have an IP"
            " allocation from this subnet.",
            kind="SubnetInUse",
        )
    tx.remove_where(PortAddress, subnet_id=subnet.id)
    for port_id, _ in ports:
        topology.mark(tx, "port", port_id)
    tx.remove(subnet)
    network = tx.get(Network, subnet.network_id)
    assert network is not None  # noqa: S101
    _spread(tx, network)


SUBNETS = Noun(
    Subnet,
    "Subnet",
    _visible,
    _create,
    _delete,
    _update,
    extra=("ip_version", "cidr", "gateway_ip", "allocation_pools", "host_routes", "subnetpool_id"),
    extra_update=("gateway_ip", "allocation_pools", "host_routes"),
    target=_target,
)
