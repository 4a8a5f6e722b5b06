"""Addresses: which are free in a subnet, and taking them for a port."""

import ipaddress
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..core.db import Stale, Tx
from ..core.errors import BadRequest, Conflict
from .rows import Port, PortAddress, Subnet

_GUESSES = 8
_MOST = 2**62 - 1  # the largest offset that is kept apart from others
AUTOMATIC = ("slaac", "dhcpv6-stateless")


def full(network_id: str) -> Conflict:
    """The error of a network whose addresses are all taken."""
    return Conflict(
        f"No more IP addresses available on network {network_id}.",
        kind="IpAddressGenerationFailure",
    )


def pool_ranges(subnet: Subnet) -> list[tuple[int, int]]:
    """The first and last address of each allocation pool, as numbers."""
    return [
        (int(ipaddress.ip_address(pool["start"])), int(ipaddress.ip_address(pool["end"])))
        for pool in subnet.allocation_pools
    ]


def default_pools(cidr: str, gateway: str | None) -> list[dict[str, str]]:
    """Every address of a subnet that a port may have, around the gateway's."""
    net = ipaddress.ip_network(cidr)
    first, last = int(net.network_address), int(net.broadcast_address)
    if net.prefixlen < net.max_prefixlen - 1:
        first, last = first + 1, last - (net.version == 4)
    gaps = [(first, last)]
    if gateway is not None and first <= (at := int(ipaddress.ip_address(gateway))) <= last:
        gaps = [(first, at - 1), (at + 1, last)]
    kind = type(net.network_address)
    return [{"start": str(kind(a)), "end": str(kind(b))} for a, b in gaps if a <= b]


def offset(subnet: Subnet, ip: str) -> int:
    """How far an address is from the subnet's first."""
    base = int(ipaddress.ip_network(subnet.cidr).network_address)
    return (int(ipaddress.ip_address(ip)) - base) & _MOST


def pick(tx: Tx, subnet: Subnet, mac: str) -> str | None:
    """A free address of the subnet's pools; None when all are taken.

    Guesses first, which is one query however full the subnet is not, and then asks the database
    for a gap.
    """
    net = ipaddress.ip_network(subnet.cidr)
    if net.version == 6 and subnet.ipv6_address_mode in AUTOMATIC:
        return _from_mac(subnet, mac)
    ranges = pool_ranges(subnet)
    size = sum(last - first + 1 for first, last in ranges)
    if not size:
        return None
    guesses = {_nth(ranges, _number(tx) % size): None for _ in range(min(_GUESSES, size))}
    kind = ipaddress.IPv4Address if net.version == 4 else ipaddress.IPv6Address
    texts = [str(kind(number)) for number in guesses]
    taken = set(tx.execute(_held(), {"subnet": subnet.id, "ips": texts}).scalars())
    for text in texts:
        if text not in taken:
            return text
    base = int(net.network_address)
    for first, last in ranges:
        if last - base > _MOST:
            continue
        gap = _gap(tx, subnet.id, first - base, last - base)
        if gap is not None:
            return str(kind(base + gap))
    return None


@cache
def _held() -> "sa.Select[Any]":
    c = PortAddress.table.c
    some = c.ip.in_(sa.bindparam("ips", expanding=True))
    return sa.select(c.ip).where(c.subnet_id == sa.bindparam("subnet"), some)


def _number(tx: Tx) -> int:
    """62 random bits, from the ids' source so that a seed repeats them."""
    return int(tx.ids.hex()[16:], 16) & _MOST


def _nth(ranges: list[tuple[int, int]], index: int) -> int:
    for first, last in ranges:
        if index <= last - first:
            return first + index
        index -= last - first + 1
    raise IndexError("BUG: an index beyond the pools")


def _gap(tx: Tx, subnet_id: str, low: int, high: int) -> int | None:
    """The lowest offset from `low` to `high` that is free."""
    mine = PortAddress.table.alias()
    beyond = PortAddress.table.alias()
    taken = (mine.c.subnet_id == subnet_id) & (mine.c.offset == low)
    if tx.execute(sa.select(sa.literal(1)).where(taken)).first() is None:
        return low
    following = (
        sa.select(sa.literal(1))
        .where(beyond.c.subnet_id == subnet_id, beyond.c.offset == mine.c.offset + 1)
        .exists()
    )
    query = sa.select(sa.func.min(mine.c.offset) + 1).where(
        mine.c.subnet_id == subnet_id,
        mine.c.offset >= low,
        mine.c.offset < high,
        ~following,
    )
    found: int | None = tx.execute(query).scalar()
    return found


def _from_mac(subnet: Subnet, mac: str) -> str:
    """The address that a guest makes of its MAC (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    tail = bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]])
    base = int(ipaddress.ip_network(subnet.cidr).network_address)
    return str(ipaddress.IPv6Address(base + int.from_bytes(tail, "big")))


def check_fits(subnet: Subnet, ip: str) -> None:
    """Raises BadRequest (InvalidIpForSubnet) for an address that the subnet cannot give."""
    net, address = ipaddress.ip_network(subnet.cidr), ipaddress.ip_address(ip)
    ends = (net.network_address, net.broadcast_address) if net.version == 4 else ()
    small = net.prefixlen >= net.max_prefixlen - 1
    if address not in net or (address in ends and not small):
        raise BadRequest(
            f"IP address {ip} is not a valid IP for the specified subnet.",
            kind="InvalidIpForSubnet",
        )


def check_free(tx: Tx, subnet: Subnet, ip: str, port_id: str = "") -> None:
    """Raises Conflict (IpAddressAlreadyAllocated) when another port has the address."""
    held = tx.get(PortAddress, subnet.id, ip)
    if held is not None and held.port_id != port_id:
        raise Conflict(
            f"IP address {ip} already allocated in subnet {subnet.id}",
            kind="IpAddressAlreadyAllocated",
        )


def take(tx: Tx, port: Port, subnet: Subnet, ip: str, position: int = 0) -> PortAddress:
    """Write down that the port has the address; the key refuses a second holder."""
    row = PortAddress(
        subnet_id=subnet.id,
        ip=ip,
        offset=offset(subnet, ip),
        port_id=port.id,
        network_id=port.network_id,
        position=position,
    )
    try:
        return tx.add(row)
    except IntegrityError as clash:
        raise Stale(f"{ip} was taken by another request") from clash
