"""What servers are told of their ports: interfaces, addresses, security groups."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx, chunks
from .claim import ports_of
from .rows import (
    METADATA,
    FloatingIp,
    Network,
    Port,
    PortAddress,
    PortGroup,
    SecurityGroup,
    Subnet,
)


@dataclass(frozen=True)
class NicAddress:
    """An address of an interface, with what the guest must know of its subnet."""

    ip: str
    prefix: int
    gateway: str | None
    dns: tuple[str, ...]
    host_routes: tuple[tuple[str, str], ...]  # (destination, nexthop)
    subnet_id: str
    metadata_ip: str | None  # where the subnet's metadata port answers


@dataclass(frozen=True)
class NicInfo:
    """An interface of a server."""

    port_id: str
    network_id: str
    network_name: str
    mac: str
    mtu: int
    addresses: tuple[NicAddress, ...]
    status: str = ""


def server_nics(tx: Tx, server_id: str) -> list[NicInfo]:
    """The server's interfaces in order."""
    ports = ports_of(tx, server_id)
    if not ports:
        return []
    nets = {port.network_id for port in ports}
    networks = {n.id: n for n in tx.all(Network, id=nets)}
    subnets = {s.id: s for s in tx.all(Subnet, network_id=nets)}
    held = tx.all(
        PortAddress,
        port_id=[port.id for port in ports],
        order=[PortAddress.position, PortAddress.ip],
    )
    metadata = metadata_ips(tx, nets)
    return [
        NicInfo(
            port.id,
            port.network_id,
            networks[port.network_id].name,
            port.mac_address,
            networks[port.network_id].mtu,
            tuple(
                _address(a.ip, subnets[a.subnet_id], metadata.get(a.subnet_id))
                for a in held
                if a.port_id == port.id
            ),
            port.status,
        )
        for port in ports
    ]


def metadata_ips(tx: Tx, network_ids: Collection[str]) -> dict[str, str]:
    """The address of the metadata port in each subnet of these networks."""
    found: dict[str, str] = {}
    rows = tx.execute(_metadata_ips(), {"networks": list(network_ids)})
    found.update((subnet_id, ip) for subnet_id, ip in rows)
    return found


@cache
def _metadata_ips() -> "sa.Select[Any]":
    held, port = PortAddress.table.c, Port.table.c
    return (
        sa.select(held.subnet_id, held.ip)
        .join_from(PortAddress.table, Port.table, port.id == held.port_id)
        .where(port.network_id.in_(_some("networks")), port.device_owner == METADATA)
    )


def _some(name: str) -> "sa.BindParameter[Any]":
    return sa.bindparam(name, expanding=True)


def _address(ip: str, subnet: Subnet, metadata_ip: str | None) -> NicAddress:
    return NicAddress(
        ip=ip,
        prefix=ipaddress.ip_network(subnet.cidr).prefixlen,
        gateway=subnet.gateway_ip,
        dns=tuple(subnet.dns_nameservers),
        host_routes=tuple((r["destination"], r["nexthop"]) for r in subnet.host_routes),
        subnet_id=subnet.id,
        metadata_ip=metadata_ip,
    )


Addresses = dict[str, dict[str, list[dict[str, Any]]]]


def addresses(tx: Tx, server_ids: Collection[str]) -> Addresses:
    """The addresses of servers by network name, in the form of the compute API."""
    found: Addresses = {server_id: {} for server_id in server_ids}
    for batch in chunks(found):
        for server_id, name, mac, ip, outside in tx.execute(_addresses(), {"servers": batch}):
            shown = found[server_id].setdefault(name, [])
            shown.append(_shown(ip, "fixed", mac))
            if outside is not None:
                shown.append(_shown(outside, "floating", mac))
    return found


@cache
def _addresses() -> "sa.Select[Any]":
    port, held, net = Port.table.c, PortAddress.table.c, Network.table.c
    floating = FloatingIp.table.c
    return (
        sa.select(port.device_id, net.name, port.mac_address, held.ip, floating.floating_ip_address)
        .join_from(Port.table, PortAddress.table, held.port_id == port.id)
        .join(Network.table, net.id == port.network_id)
        .outerjoin(
            FloatingIp.table,
            (floating.port_id == port.id) & (floating.fixed_ip_address == held.ip),
        )
        .where(port.device_id.in_(_some("servers")))
        .order_by(port.position, port.id, held.position, held.ip)
    )


def _shown(ip: str, kind: str, mac: str) -> dict[str, Any]:
    return {
        "version": 6 if ":" in ip else 4,
        "addr": ip,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": mac,
    }


def server_security_groups(tx: Tx, server_ids: Collection[str]) -> dict[str, list[str]]:
    """The names of the security groups of servers' ports, each once a server."""
    found: dict[str, list[str]] = {server_id: [] for server_id in server_ids}
    for batch in chunks(found):
        for server_id, name in tx.execute(_groups(), {"servers": batch}):
            if name not in found[server_id]:
                found[server_id].append(name)
    return found


@cache
def _groups() -> "sa.Select[Any]":
    port, member, group = Port.table.c, PortGroup.table.c, SecurityGroup.table.c
    return (
        sa.select(port.device_id, group.name)
        .join_from(Port.table, PortGroup.table, member.port_id == port.id)
        .join(SecurityGroup.table, group.id == member.group_id)
        .where(port.device_id.in_(_some("servers")))
        .order_by(port.position, member.position, group.name)
    )


def server_by_address(tx: Tx, network_id: str, ip: str) -> str | None:
    """The server that has this address on this network, for the metadata service."""
    port, held = Port.table.c, PortAddress.table.c
    query = (
        sa.select(port.device_id)
        .join_from(Port.table, PortAddress.table, held.port_id == port.id)
        .where(
            held.network_id == network_id,
            held.ip == ip,
            port.device_owner.like("compute:%"),
        )
    )
    found: str | None = tx.execute(query).scalar()
    return found
