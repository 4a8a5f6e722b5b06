"""What must be true of the network: rows, the data plane and this host's taps."""

from collections.abc import Iterable
from functools import partial

import sqlalchemy as sa

from ..core.audit import Invariant, Violation
from ..core.db import Tx, chunks
from ..core.desired import Desired
from ..core.parts import Parts
from ..core.resource import Resource
from . import metadata, port_life, topology
from .driver import HostNetwork, Key, Kind, NetworkDriver
from .rows import (
    FLOATING,
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
    of_guests,
)
from .topology import TopologyChange


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


def _routed(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    ports, routers = Port.table.c, Router.table.c
    routed = (
        sa.select(ports.id, ports.device_id)
        .outerjoin_from(Port.table, Router.table, routers.id == ports.device_id)
        .where(ports.device_owner.in_((GATEWAY, INTERFACE)), routers.id.is_(None))
    )
    for port_id, device in tx.execute(routed):
        yield Violation(
            f"port {port_id} belongs to router {device}, which is gone",
            "the port is removed",
            partial(_drop_port, port_id, Router),
        )


def _floating(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    ports, floating = Port.table.c, FloatingIp.table.c
    lost = (
        sa.select(floating.id, floating.port_id)
        .outerjoin_from(FloatingIp.table, Port.table, ports.id == floating.port_id)
        .where(floating.port_id.is_not(None), ports.id.is_(None))
    )
    for floating_id, port_id in tx.execute(lost):
        yield Violation(
            f"floating IP {floating_id} leads to port {port_id}, which is gone",
            "it leads nowhere from now on",
            partial(_detach, floating_id),
        )
    left = (
        sa.select(ports.id, ports.device_id)
        .outerjoin_from(Port.table, FloatingIp.table, floating.id == ports.device_id)
        .where(ports.device_owner == FLOATING, floating.id.is_(None))
    )
    for port_id, device in tx.execute(left):
        yield Violation(
            f"port {port_id} holds the address of floating IP {device}, which is gone",
            "the port is removed",
            partial(_drop_port, port_id, FloatingIp),
        )


def _claimed(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    for port in tx.all(Port, claimed=True, device_id=""):
        yield Violation(
            f"port {port.id} was made for a server and belongs to none",
            "the port is removed",
            partial(_drop_port, port.id, None),
        )
    ports, subnets = Port.table.c, Subnet.table.c
    bare = (
        sa.select(ports.network_id)
        .outerjoin_from(Port.table, Subnet.table, subnets.network_id == ports.network_id)
        .where(ports.device_owner == METADATA, subnets.id.is_(None))
    )
    for (network_id,) in tx.execute(bare):
        yield Violation(
            f"network {network_id} has a metadata port but no subnet",
            "the port is removed",
            partial(_without_metadata, network_id),
        )


def _drop_port(port_id: str, owner: type[Resource] | None, tx: Tx) -> None:
    """Remove the port, unless its owner is there after all."""
    port = tx.get(Port, port_id)
    if port is None or (tx.get(owner, port.device_id) if owner else port.device_id):
        return
    port_life.remove(tx, port)
    metadata.refresh_host(tx, port.network_id, port.host)


def _detach(floating_id: str, tx: Tx) -> None:
    row = tx.get(FloatingIp, floating_id)
    if row is None or row.port_id is None or tx.get(Port, row.port_id) is not None:
        return
    router_id = row.router_id
    tx.change(row, port_id=None, fixed_ip_address=None, router_id=None, status="DOWN")
    if router_id is not None:
        topology.mark(tx, "router", router_id)


def _without_metadata(network_id: str, tx: Tx) -> None:
    network = tx.get(Network, network_id)
    if network is not None:
        metadata.refresh_port(tx, network)


def _answering(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    """Hosts answer metadata in just the networks in which they have a guest."""
    ports, subnets = Port.table.c, Subnet.table.c
    with_port = sa.select(ports.network_id).where(ports.device_owner == METADATA)
    bound = sa.select(ports.network_id, ports.host).where(ports.host > "", of_guests()).distinct()
    found = tx.execute(bound.where(ports.network_id.in_(with_port)))
    wanted = {(network_id, host) for network_id, host in found}
    asked = {(row.id, row.host) for row in tx.all(Desired, kind=metadata.KIND) if row.spec}
    dhcp = set(tx.execute(sa.select(subnets.network_id).where(subnets.enable_dhcp)).scalars())
    for network_id, host in sorted(wanted ^ asked):
        if (network_id, host) in wanted and network_id not in dhcp:
            continue  # its metadata port has no address
        lacks = "does not answer" if (network_id, host) in wanted else "answers"
        yield Violation(
            f"host {host} {lacks} metadata in network {network_id}, against its guests there",
            "the host is asked again",
            partial(metadata.refresh_host, network_id=network_id, host=host),
        )


_KINDS: tuple[tuple[Kind, type[Resource]], ...] = (
    ("switch", Network),
    ("port", Port),
    ("router", Router),
    ("security_group", SecurityGroup),
)


def _marked(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    """Without a mark the data plane is never told of a row, or never told that it is gone."""
    mark = TopologyChange.table.c
    for kind, cls in _KINDS:
        row = cls.table.c
        same = sa.and_(mark.id == row.id, mark.kind == kind)
        unmarked = (
            sa.select(row.id)
            .outerjoin_from(cls.table, TopologyChange.table, same)
            .where(mark.id.is_(None), *([row.device_owner != FLOATING] if cls is Port else []))
        )
        left = (
            sa.select(mark.id)
            .outerjoin_from(TopologyChange.table, cls.table, same)
            .where(mark.kind == kind, mark.dirty == 0, row.id.is_(None))
        )
        for what, query in (("is not known to", unmarked), ("is gone and not taken from", left)):
            for (key,) in tx.execute(query):
                yield Violation(
                    f"{kind} {key} {what} the translation to the data plane",
                    "it is marked, so that the data plane is told",
                    partial(topology.mark, kind=kind, key=key),
                )


def _same(parts: Parts, tx: Tx) -> Iterable[Violation]:
    if topology.pending(tx):
        return
    standing = parts[NetworkDriver].revisions()
    known = topology.known(tx)
    for key, revision in known.items():
        if key not in standing:
            yield _told_again(key, "should stand in the data plane and does not")
        elif standing[key] != revision:
            detail = f"stands in the data plane at revision {standing[key]}, not {revision}"
            yield _told_again(key, detail)
    for key in standing.keys() - known.keys():
        yield _told_again(key, "stands in the data plane and is nobody's")


def _told_again(key: Key, detail: str) -> Violation:
    return Violation(
        f"{key[0]} {key[1]} {detail}",
        "the data plane is told again what should stand there",
        partial(topology.mark, kind=key[0], key=key[1]),
    )


def _active(parts: Parts, tx: Tx) -> Iterable[Violation]:
    if topology.pending(tx):
        return
    up, port = parts[NetworkDriver].ports_up(), Port.table.c
    bound = sa.select(port.id, port.host, port.status).where(of_guests(), port.host > "")
    for port_id, host, status in tx.execute(bound):
        real = "ACTIVE" if up.get(port_id) == host else "DOWN"
        if real != status:
            yield Violation(
                f"port {port_id} is {status}, on host {host} it is {real}",
                f"its status becomes {real}",
                partial(_become, port_id, host, real),
            )


def _become(port_id: str, host: str, status: str, tx: Tx) -> None:
    port = tx.get(Port, port_id)
    if port is not None and port.host == host:
        number = port.revision_number + 1
        tx.change(port, status=status, revision_number=number, updated_at=tx.now)


def _plugged(parts: Parts, tx: Tx) -> Iterable[Violation]:
    """This process's host only. Taps on our bridge bear our mark: nobody else's are seen."""
    host = parts.find(HostNetwork)
    if host is None:
        return
    taps = host.plugged()
    there: set[str] = set()
    for batch in chunks(sorted(taps)):
        there |= set(tx.execute(sa.select(Port.table.c.id).where(Port.id.in_(batch))).scalars())
    for port_id in sorted(taps.keys() - there):
        yield Violation(
            f"tap {taps[port_id]} is plugged for port {port_id}, which is gone",
            "the tap is unplugged",
            outside=partial(host.unplug, port_id, taps[port_id]),
        )


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("I3", "An address, a MAC and a floating IP are owned by at most one port.", _once),
    Invariant("I6", "No router's port whose router is gone.", _routed),
    Invariant("I6", "No floating IP without its port, and no port without its.", _floating),
    Invariant("I6", "No port made for a server that it does not belong to.", _claimed),
    Invariant("I6", "Hosts answer metadata just where they have guests.", _answering),
    Invariant("I6", "No tap on a host whose port is gone.", _plugged),
    Invariant("I8", "The data plane is told of every row, and of every row that goes.", _marked),
    Invariant("I8", "The data plane holds what the rows say, and nothing else.", _same),
    Invariant("I8", "A bound port is ACTIVE just when its host carries its traffic.", _active),
)
