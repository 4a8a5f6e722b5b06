"""What must be true of the network, and its figures under the openstack-exporter's names."""

import ipaddress
from collections.abc import Iterable

import sqlalchemy as sa

from ..core.audit import Invariant
from ..core.db import Tx
from ..core.metrics import Sample
from ..core.parts import Parts
from . import topology
from .driver import NetworkDriver
from .rows import (
    GATEWAY,
    INTERFACE,
    METADATA,
    FloatingIp,
    Network,
    Port,
    PortAddress,
    Router,
    SecurityGroup,
    Subnet,
)


def _once(_parts: Parts, tx: Tx) -> Iterable[str]:
    port, held, floating = Port.table.c, PortAddress.table.c, FloatingIp.table.c
    for what, columns in (
        ("MAC", (port.network_id, port.mac_address)),
        ("address", (held.network_id, held.ip)),
        ("floating IP", (floating.floating_network_id, floating.floating_ip_address)),
    ):
        query = sa.select(*columns).group_by(*columns).having(sa.func.count() > 1)
        for network_id, text in tx.execute(query):
            yield f"{what} {text} is owned more than once on network {network_id}"
    ends = (floating.port_id, floating.fixed_ip_address)
    query = sa.select(*ends).where(floating.port_id.is_not(None)).group_by(*ends)
    for port_id, ip in tx.execute(query.having(sa.func.count() > 1)):
        yield f"port {port_id} has several floating IPs for {ip}"


def _orphans(_parts: Parts, tx: Tx) -> Iterable[str]:
    ports, routers = Port.table.c, Router.table.c
    routed = (
        sa.select(ports.id, ports.device_id)
        .outerjoin_from(Port.table, Router.table, routers.id == ports.device_id)
        .where(ports.device_owner.in_((GATEWAY, INTERFACE)), routers.id.is_(None))
    )
    for port_id, device in tx.execute(routed):
        yield f"port {port_id} belongs to router {device}, which is gone"
    floating = FloatingIp.table.c
    lost = (
        sa.select(floating.id, floating.port_id)
        .outerjoin_from(FloatingIp.table, Port.table, ports.id == floating.port_id)
        .where(floating.port_id.is_not(None), ports.id.is_(None))
    )
    for floating_id, port_id in tx.execute(lost):
        yield f"floating IP {floating_id} leads to port {port_id}, which is gone"
    claimed = tx.all(Port, Port.claimed.is_(True), Port.device_id == "")
    for port in claimed:
        yield f"port {port.id} was made for a server and belongs to none"
    empty = tx.all(Network, Network.id.not_in(sa.select(Subnet.network_id)))
    for network in empty:
        if tx.exists(Port, Port.network_id == network.id, Port.device_owner == METADATA):
            yield f"network {network.id} has a metadata port but no subnet"


def _same(parts: Parts, tx: Tx) -> Iterable[str]:
    if topology.pending(tx):
        return
    standing = parts[NetworkDriver].revisions()
    known = topology.known(tx)
    for key, revision in known.items():
        if key not in standing:
            yield f"{key[0]} {key[1]} should stand in the data plane and does not"
        elif standing[key] != revision:
            yield (
                f"{key[0]} {key[1]} stands in the data plane at revision {standing[key]},"
                f" not {revision}"
            )
    for kind, key_id in standing.keys() - known.keys():
        yield f"{kind} {key_id} stands in the data plane and is nobody's"


INVARIANTS = (
    Invariant("I3", "An address, a MAC and a floating IP are owned by at most one port.", _once),
    Invariant("I6", "No port or floating IP whose owner is gone.", _orphans),
    Invariant("I8", "The data plane holds what the rows say, and nothing else.", _same),
)


def samples(tx: Tx) -> Iterable[Sample]:
    """The gauges of the network service."""
    yield Sample("openstack_neutron_up", 1)
    for name, cls in (
        ("networks", Network),
        ("subnets", Subnet),
        ("ports", Port),
        ("routers", Router),
        ("floating_ips", FloatingIp),
        ("security_groups", SecurityGroup),
    ):
        yield Sample(f"openstack_neutron_{name}", tx.count(cls))
    lonely = Port.id.not_in(sa.select(PortAddress.port_id))
    yield Sample("openstack_neutron_ports_no_ips", tx.count(Port, lonely))
    inactive = tx.count(Router, Router.status != "ACTIVE")
    yield Sample("openstack_neutron_routers_not_active", inactive)
    down = (FloatingIp.port_id.is_not(None), FloatingIp.status != "ACTIVE")
    count = tx.count(FloatingIp, *down)
    yield Sample("openstack_neutron_floating_ips_associated_not_active", count)
    yield from _availability(tx)


def _availability(tx: Tx) -> Iterable[Sample]:
    net, subnet, held = Network.table.c, Subnet.table.c, PortAddress.table.c
    counts = sa.select(held.subnet_id, sa.func.count()).group_by(held.subnet_id)
    used: dict[str, int] = dict(tx.execute(counts).all())
    query = sa.select(
        net.id, net.name, net.project_id, subnet.id, subnet.name, subnet.cidr, subnet.ip_version
    ).join_from(Network.table, Subnet.table, subnet.network_id == net.id)
    for network_id, network, project, subnet_id, name, cidr, version in tx.execute(query):
        labels = {
            "network_id": network_id,
            "network_name": network,
            "project_id": project,
            "subnet_name": name,
            "cidr": cidr,
            "ip_version": str(version),
        }
        total = float(ipaddress.ip_network(cidr).num_addresses - 2)
        stem = "openstack_neutron_network_ip_availabilities"
        yield Sample(f"{stem}_total", max(total, 1.0), labels)
        yield Sample(f"{stem}_used", float(used.get(subnet_id, 0)), labels)
