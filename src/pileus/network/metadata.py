"""Where the metadata service answers: one port a network, on every host with a guest in it."""

import ipaddress
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..core import desired
from ..core.db import Tx
from . import allocate, port_life, topology
from .rows import METADATA, Network, Port, PortAddress, of_guests

KIND = "metadata"


def refresh_port(tx: Tx, network: Network) -> None:
    """See that the metadata port has an address in every subnet that answers DHCP for IPv4."""
    subnets = [
        s
        for s in port_life.subnets_of(tx, network.id)
        if s.enable_dhcp and s.ip_version == 4 and not network.external
    ]
    port = port_life.metadata_port(tx, network.id)
    if port is None and not subnets:
        return
    if port is None:
        port = Port(
            network_id=network.id,
            project_id=network.project_id,
            device_owner=METADATA,
            device_id=f"ovnmeta-{network.id}",
            port_security_enabled=False,
            status="ACTIVE",
        )
        port_life.make(tx, network, port, ())
    held = {address.subnet_id for address in port_life.addresses_of(tx, port.id)}
    wanted = {subnet.id for subnet in subnets}
    for gone in held - wanted:
        tx.remove_where(PortAddress, port_id=port.id, subnet_id=gone)
    for subnet in subnets:
        if subnet.id not in held:
            ip = allocate.pick(tx, subnet, port.mac_address)
            if ip is not None:
                allocate.take(tx, port, subnet, ip, len(held))
    if not wanted:
        port_life.remove(tx, port)
    topology.mark(tx, "port", port.id)
    topology.mark(tx, "switch", network.id)
    for host in sorted({guest.host for guest in port_life.guests_on(tx, network.id)}):
        refresh_host(tx, network.id, host)


def refresh_host(tx: Tx, network_id: str, host: str) -> None:
    """See that the host answers metadata in the network just while it has a guest there."""
    if not host:
        return
    bound = tx.execute(_bound(), {"network": network_id, "host": host}).first()
    spec = _spec(tx, network_id) if bound else None
    desired.put(tx, host, KIND, network_id, spec)


@cache
def _bound() -> "sa.Select[Any]":
    c = Port.table.c
    here = (c.network_id == sa.bindparam("network"), c.host == sa.bindparam("host"))
    return sa.select(sa.literal(1)).where(*here, of_guests()).limit(1)


def _spec(tx: Tx, network_id: str) -> dict[str, Any] | None:
    port = port_life.metadata_port(tx, network_id)
    if port is None:
        return None
    prefixes = {
        subnet.id: ipaddress.ip_network(subnet.cidr).prefixlen
        for subnet in port_life.subnets_of(tx, network_id)
    }
    cidrs = [f"{a.ip}/{prefixes[a.subnet_id]}" for a in port_life.addresses_of(tx, port.id)]
    if not cidrs:
        return None
    return {
        "network_id": network_id,
        "port_id": port.id,
        "mac": port.mac_address,
        "cidrs": cidrs,
    }
