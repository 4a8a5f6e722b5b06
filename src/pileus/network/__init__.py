"""Network: networks, subnets, ports, routers, floating IPs and security groups."""

from ..core.flow import Flow
from .audit import INVARIANTS
from .claim import (
    Absent,
    NetworkRequest,
    add_security_group,
    bind_ports,
    claim_ports,
    ports_ready,
    ports_with_servers,
    release_one,
    release_ports,
    remove_security_group,
    unbind_ports,
)
from .first import first_start
from .gauges import samples
from .guests import Guests
from .loops import clear, loops
from .nics import (
    NicAddress,
    NicInfo,
    addresses,
    server_by_address,
    server_nics,
    server_security_groups,
)
from .service import SERVICE
from .topology import pending

FLOWS: tuple[Flow, ...] = ()

__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "Absent",
    "Guests",
    "NetworkRequest",
    "NicAddress",
    "NicInfo",
    "add_security_group",
    "addresses",
    "bind_ports",
    "claim_ports",
    "clear",
    "first_start",
    "loops",
    "pending",
    "ports_ready",
    "ports_with_servers",
    "release_one",
    "release_ports",
    "remove_security_group",
    "samples",
    "server_by_address",
    "server_nics",
    "server_security_groups",
    "unbind_ports",
]
