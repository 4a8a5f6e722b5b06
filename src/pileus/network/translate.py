"""From rows to what the data plane should hold. A row that is gone becomes a thing that is gone."""

import ipaddress
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from ..core.db import Tx, chunks
from ..core.resource import Resource
from . import driver
from .nics import metadata_ips
from .rows import (
    FLOATING,
    GATEWAY,
    INTERFACE,
    METADATA,
    FloatingIp,
    Network,
    Port,
    PortAddress,
    PortGroup,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from .topology import TopologyChange

R = TypeVar("R", bound=Resource)
_ROUTED = (GATEWAY, INTERFACE)


def translate(tx: Tx, marked: Sequence[TopologyChange]) -> list[driver.Change]:
    """What each marked thing should be now, in the order given."""
    makers = {
        "switch": _switches,
        "port": _ports,
        "router": _routers,
        "security_group": _security_groups,
    }
    things: dict[driver.Key, driver.Thing] = {}
    for kind, maker in makers.items():
        ids = [row.id for row in marked if row.kind == kind]
        if ids:
            things |= maker(tx, ids)
    found = []
    for row in marked:
        key: driver.Key = (row.kind, row.id)  # type: ignore[assignment]  # kinds are ours alone
        found.append(driver.Change(key, row.revision, things.get(key)))
    return found


def _where(tx: Tx, cls: type[R], column: "sa.Column[Any]", ids: Collection[str]) -> list[R]:
    name = column.name
    return [r for batch in chunks(ids) for r in tx.all(cls, order=(), limit=None, **{name: batch})]


def _switches(tx: Tx, ids: Collection[str]) -> dict[driver.Key, driver.Thing]:
    subnets: dict[str, list[Subnet]] = defaultdict(list)
    for subnet in _where(tx, Subnet, Subnet.network_id, ids):
        subnets[subnet.network_id].append(subnet)
    metadata = _metadata_addresses(tx, ids)
    return {
        ("switch", row.id): driver.Switch(
            id=row.id,
            name=row.name,
            mtu=row.mtu,
            physical=row.physical_network,
            vlan=row.segmentation_id if row.network_type == "vlan" else None,
            subnets=tuple(
                driver.Subnet(
                    id=s.id,
                    cidr=s.cidr,
                    gateway_ip=s.gateway_ip,
                    dhcp=s.enable_dhcp,
                    dns=tuple(s.dns_nameservers),
                    host_routes=tuple((r["destination"], r["nexthop"]) for r in s.host_routes),
                    metadata_ip=metadata.get(s.id),
                )
                for s in sorted(subnets[row.id], key=lambda s: s.id)
            ),
        )
        for row in _where(tx, Network, Network.id, ids)
    }


def _metadata_addresses(tx: Tx, network_ids: Collection[str]) -> dict[str, str]:
    """The address of the metadata port in each subnet of these networks."""
    found: dict[str, str] = {}
    for batch in chunks(network_ids):
        found |= metadata_ips(tx, batch)
    return found


def _addresses(tx: Tx, port_ids: Collection[str]) -> dict[str, list[PortAddress]]:
    found: dict[str, list[PortAddress]] = defaultdict(list)
    for address in _where(tx, PortAddress, PortAddress.port_id, port_ids):
        found[address.port_id].append(address)
    for held in found.values():
        held.sort(key=lambda a: (a.position, a.ip))
    return found


def _ports(tx: Tx, ids: Collection[str]) -> dict[driver.Key, driver.Thing]:
    addresses = _addresses(tx, ids)
    groups: dict[str, list[str]] = defaultdict(list)
    for member in _where(tx, PortGroup, PortGroup.port_id, ids):
        groups[member.port_id].append(member.group_id)
    return {
        ("port", row.id): driver.SwitchPort(
            id=row.id,
            network_id=row.network_id,
            kind=(
                "router"
                if row.device_owner in _ROUTED
                else "metadata"
                if row.device_owner == METADATA
                else "guest"
            ),
            mac=row.mac_address,
            addresses=tuple((a.subnet_id, a.ip) for a in addresses[row.id]),
            up=row.admin_state_up,
            port_security=row.port_security_enabled,
            security_groups=tuple(sorted(groups[row.id])),
            allowed_pairs=tuple(
                (pair.get("mac_address") or row.mac_address, pair["ip_address"])
                for pair in row.allowed_address_pairs
            ),
            hostname=row.hostname,
        )
        for row in _where(tx, Port, Port.id, ids)
        if row.device_owner != FLOATING
    }


def _security_groups(tx: Tx, ids: Collection[str]) -> dict[driver.Key, driver.Thing]:
    rules: dict[str, list[SecurityGroupRule]] = defaultdict(list)
    for rule in _where(tx, SecurityGroupRule, SecurityGroupRule.security_group_id, ids):
        rules[rule.security_group_id].append(rule)
    return {
        ("security_group", row.id): driver.SecurityGroup(
            id=row.id, rules=tuple(_rule(r) for r in sorted(rules[row.id], key=lambda r: r.id))
        )
        for row in _where(tx, SecurityGroup, SecurityGroup.id, ids)
    }


_PROTOCOLS = {"icmpv6": "ipv6-icmp", "any": None, "0": None, "6": "tcp", "17": "udp"}


def _rule(row: SecurityGroupRule) -> driver.Rule:
    protocol = row.protocol
    if protocol is not None:
        protocol = _PROTOCOLS.get(protocol, protocol)
        if protocol in ("icmp", "1") and row.ethertype == "IPv6":
            protocol = "ipv6-icmp"
        protocol = NUMBERS.get(protocol, protocol) if protocol else None
    return driver.Rule(
        id=row.id,
        direction="ingress" if row.direction == "ingress" else "egress",
        ethertype="IPv4" if row.ethertype == "IPv4" else "IPv6",
        protocol=protocol,
        port_min=row.port_range_min,
        port_max=row.port_range_max,
        remote_cidr=row.remote_ip_prefix,
        remote_group=row.remote_group_id,
    )


# Protocols that the API knows by name and the data plane by number (IANA's registry).
NUMBERS = {
    "1": "icmp",
    "58": "ipv6-icmp",
    "ah": "51",
    "dccp": "33",
    "egp": "8",
    "esp": "50",
    "gre": "47",
    "igmp": "2",
    "ipip": "4",
    "ipv6-encap": "41",
    "ipv6-frag": "44",
    "ipv6-nonxt": "59",
    "ipv6-opts": "60",
    "ipv6-route": "43",
    "ospf": "89",
    "pgm": "113",
    "rsvp": "46",
    "sctp": "132",
    "udplite": "136",
    "vrrp": "112",
}


def _routers(tx: Tx, ids: Collection[str]) -> dict[driver.Key, driver.Thing]:
    ports: dict[str, list[Port]] = defaultdict(list)
    for port in _where(tx, Port, Port.device_id, ids):
        if port.device_owner in _ROUTED:
            ports[port.device_id].append(port)
    addresses = _addresses(tx, [port.id for held in ports.values() for port in held])
    nets = {port.network_id for held in ports.values() for port in held}
    subnets = {s.id: s for s in _where(tx, Subnet, Subnet.network_id, nets)}
    floating: dict[str, list[FloatingIp]] = defaultdict(list)
    for found in _where(tx, FloatingIp, FloatingIp.router_id, ids):
        floating[str(found.router_id)].append(found)
    return {
        ("router", row.id): _router(row, ports[row.id], addresses, subnets, floating[row.id])
        for row in _where(tx, Router, Router.id, ids)
    }


def _router(
    row: Router,
    ports: Sequence[Port],
    addresses: dict[str, list[PortAddress]],
    subnets: dict[str, Subnet],
    floating: Sequence[FloatingIp],
) -> driver.Router:
    made, inside = [], []
    routes = [(route["destination"], route["nexthop"]) for route in row.routes]
    outside: str | None = None
    for port in sorted(ports, key=lambda p: p.id):
        held = [(a.ip, subnets[a.subnet_id]) for a in addresses[port.id]]
        gateway = port.device_owner == GATEWAY
        modes = [s.ipv6_ra_mode for _, s in held if s.ipv6_ra_mode]
        made.append(
            driver.RouterPort(
                id=port.id,
                network_id=port.network_id,
                mac=port.mac_address,
                cidrs=tuple(f"{ip}/{ipaddress.ip_network(s.cidr).prefixlen}" for ip, s in held),
                gateway=gateway,
                ra=_RA[modes[0]] if modes and not gateway else None,
            )
        )
        for ip, subnet in held:
            if not gateway:
                inside.append(subnet)
                continue
            if subnet.ip_version == 4:
                outside = outside or ip
            if subnet.gateway_ip:
                everywhere = "0.0.0.0/0" if subnet.ip_version == 4 else "::/0"
                if everywhere not in [to for to, _ in routes]:
                    routes.append((everywhere, subnet.gateway_ip))
    snat: list[tuple[str, str]] = []
    if row.enable_snat and outside:
        cidrs = sorted({subnet.cidr for subnet in inside if subnet.ip_version == 4})
        snat = [(cidr, outside) for cidr in cidrs]
    return driver.Router(
        id=row.id,
        name=row.name,
        up=row.admin_state_up,
        ports=tuple(made),
        routes=tuple(routes),
        snat=tuple(snat),
        floating=tuple(
            (f.id, f.floating_ip_address, str(f.fixed_ip_address))
            for f in sorted(floating, key=lambda f: f.id)
        ),
    )


_RA: dict[str, Literal["slaac", "dhcpv6_stateful", "dhcpv6_stateless"]] = {
    "slaac": "slaac",
    "dhcpv6-stateful": "dhcpv6_stateful",
    "dhcpv6-stateless": "dhcpv6_stateless",
}
