"""The network's figures, under the openstack-exporter's names."""

import ipaddress
from collections.abc import Iterable

import sqlalchemy as sa

from ..core.db import Tx
from ..core.metrics import Sample
from .rows import FloatingIp, Network, Port, PortAddress, Router, SecurityGroup, Subnet


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
