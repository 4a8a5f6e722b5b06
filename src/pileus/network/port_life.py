"""Making, changing and removing ports and their addresses: for the API, servers and routers."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict
from . import allocate, topology
from .rows import METADATA, FloatingIp, Network, Port, PortAddress, PortGroup, Subnet, is_guest

_MAC_TRIES = 8


@dataclass(frozen=True)
class Fixed:
    """An address asked for: a subnet to pick from, an address, or both."""

    subnet_id: str | None = None
    ip: str | None = None


def fresh_mac(tx: Tx, network_id: str) -> str:
    """A MAC address that is free on the network. Raises Conflict when none is found."""
    for _ in range(_MAC_TRIES):
        mac = tx.ids.mac()
        if not tx.exists(Port, network_id=network_id, mac_address=mac):
            return mac
    raise Conflict(
        f"Unable to generate unique mac on network {network_id}.",
        kind="MacAddressGenerationFailure",
    )


def check_mac(tx: Tx, network_id: str, mac: str, port_id: str = "") -> None:
    """Raises Conflict (MacAddressInUse) when another port of the network has the address."""
    held = tx.one(Port, network_id=network_id, mac_address=mac)
    if held is not None and held.id != port_id:
        raise Conflict(
            f"Unable to complete operation for network {network_id}."
            f" The mac address {mac} is in use.",
            kind="MacAddressInUse",
        )


def subnets_of(tx: Tx, network_id: str) -> list[Subnet]:
    """The network's subnets, oldest first."""
    return tx.all(Subnet, network_id=network_id, order=[Subnet.created_at, Subnet.id])


def addresses_of(tx: Tx, port_id: str) -> list[PortAddress]:
    """The port's addresses in order."""
    return tx.all(PortAddress, port_id=port_id, order=[PortAddress.position, PortAddress.ip])


def assign(tx: Tx, port: Port, wanted: Sequence[Fixed] | None) -> None:
    """Give the port its addresses: those wanted, or (None) one of each IP version that there is.

    Raises BadRequest for an address or subnet that is not the network's, Conflict for an address
    that is taken or a network that is full.
    """
    subnets = subnets_of(tx, port.network_id)
    if wanted is None:
        _assign_any(tx, port, subnets)
        return
    for position, fixed in enumerate(wanted):
        subnet, ip = _resolve(tx, port, subnets, fixed)
        allocate.take(tx, port, subnet, ip, position)


def _assign_any(tx: Tx, port: Port, subnets: Sequence[Subnet]) -> None:
    fitting = [s for s in subnets if _serves(s, port)]
    position = 0
    for version in (4, 6):
        choices = [s for s in fitting if s.ip_version == version]
        automatic = [s for s in choices if s.ipv6_address_mode in allocate.AUTOMATIC]
        managed = [s for s in choices if s not in automatic]
        got = False
        for subnet in managed:
            ip = allocate.pick(tx, subnet, port.mac_address)
            if ip is not None:
                allocate.take(tx, port, subnet, ip, position)
                position, got = position + 1, True
                break
        if managed and not got:
            raise allocate.full(port.network_id)
        for subnet in automatic:
            ip = allocate.pick(tx, subnet, port.mac_address)
            if ip is not None:
                allocate.take(tx, port, subnet, ip, position)
                position += 1


def _serves(subnet: Subnet, port: Port) -> bool:
    """A subnet with service types is only for ports whose owner begins with one of them."""
    return not subnet.service_types or any(
        port.device_owner.startswith(kind) for kind in subnet.service_types
    )


def _resolve(tx: Tx, port: Port, subnets: Sequence[Subnet], fixed: Fixed) -> tuple[Subnet, str]:
    if fixed.subnet_id is not None:
        subnet = next((s for s in subnets if s.id == fixed.subnet_id), None)
        if subnet is None:
            raise BadRequest(
                f"Invalid input for operation: Failed to create port on network {port.network_id},"
                f" because fixed_ips included invalid subnet {fixed.subnet_id}.",
                kind="InvalidInput",
            )
        if fixed.ip is not None:
            allocate.check_fits(subnet, fixed.ip)
    elif fixed.ip is not None:
        subnet = next((s for s in subnets if _inside(s, fixed.ip)), None)
        if subnet is None:
            raise BadRequest(
                f"IP address {fixed.ip} is not a valid IP for any of the subnets on the specified"
                " network.",
                kind="InvalidIpForNetwork",
            )
    else:
        raise BadRequest(
            "Invalid input for operation: IP allocation requires subnet_id or ip_address.",
            kind="InvalidInput",
        )
    if fixed.ip is None:
        ip = allocate.pick(tx, subnet, port.mac_address)
        if ip is None:
            raise allocate.full(port.network_id)
        return subnet, ip
    allocate.check_free(tx, subnet, fixed.ip, port.id)
    return subnet, fixed.ip


def _inside(subnet: Subnet, ip: str) -> bool:
    try:
        allocate.check_fits(subnet, ip)
    except BadRequest:
        return False
    return True


def make(
    tx: Tx,
    network: Network,
    port: Port,
    fixed: Sequence[Fixed] | None,
    groups: Sequence[str] = (),
) -> Port:
    """Insert a port with its addresses and security groups, and mark it for the data plane."""
    if "mac_address" in port.__dict__:
        check_mac(tx, network.id, port.mac_address)
    else:
        port.mac_address = fresh_mac(tx, network.id)
    tx.add(port)
    assign(tx, port, fixed)
    set_groups(tx, port, groups)
    topology.mark(tx, "port", port.id)
    return port


def set_groups(tx: Tx, port: Port, groups: Sequence[str]) -> None:
    """The port's security groups are these from now on."""
    tx.remove_where(PortGroup, port_id=port.id)
    tx.add_all(
        [
            PortGroup(port_id=port.id, group_id=group, position=position)
            for position, group in enumerate(dict.fromkeys(groups))
        ]
    )


def reassign(tx: Tx, port: Port, wanted: Sequence[Fixed]) -> None:
    """The port's addresses are these from now on; those that it keeps it never lets go of."""
    held = addresses_of(tx, port.id)
    kept: list[Fixed] = []
    for fixed in wanted:
        same = next((a for a in held if fixed.ip is None and a.subnet_id == fixed.subnet_id), None)
        kept.append(Fixed(same.subnet_id, same.ip) if same is not None else fixed)
        if same is not None:
            held.remove(same)
    tx.remove_where(PortAddress, port_id=port.id)
    assign(tx, port, kept)
    _drop_floating(tx, port.id, {fixed.ip for fixed in kept if fixed.ip})
    topology.mark(tx, "port", port.id)


def remove(tx: Tx, port: Port) -> None:
    """Remove a port with all that hangs on it; floating IPs that led to it are free again."""
    _drop_floating(tx, port.id, set())
    tx.remove_where(PortAddress, port_id=port.id)
    tx.remove_where(PortGroup, port_id=port.id)
    tx.remove(port)
    topology.mark(tx, "port", port.id)


def _drop_floating(tx: Tx, port_id: str, kept: set[str]) -> None:
    for floating in tx.all(FloatingIp, port_id=port_id):
        if floating.fixed_ip_address in kept:
            continue
        router_id = floating.router_id
        tx.change(
            floating,
            port_id=None,
            fixed_ip_address=None,
            router_id=None,
            status="DOWN",
            revision_number=floating.revision_number + 1,
            updated_at=tx.now,
        )
        if router_id is not None:
            topology.mark(tx, "router", router_id)


def guests_on(tx: Tx, network_id: str) -> list[Port]:
    """Ports of the network that are bound to a host and plugged there."""
    found = tx.all(Port, Port.network_id == network_id, Port.host != "")
    return [port for port in found if is_guest(port)]


def metadata_port(tx: Tx, network_id: str) -> Port | None:
    """The port at which the network's guests reach the metadata service."""
    return tx.one(Port, network_id=network_id, device_owner=METADATA)
