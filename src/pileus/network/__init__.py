"""Network: networks, subnets, ports, routers, floating IPs and security groups."""

from ..core.flow import Flow
from .audit import INVARIANTS, samples
from .claim import (
    NetworkRequest,
    bind_ports,
    claim_ports,
    ports_ready,
    release_ports,
    unbind_ports,
)
from .first import first_start
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
    "NetworkRequest",
    "NicAddress",
    "NicInfo",
    "addresses",
    "bind_ports",
    "claim_ports",
    "clear",
    "first_start",
    "loops",
    "pending",
    "ports_ready",
    "release_ports",
    "samples",
    "server_by_address",
    "server_nics",
    "server_security_groups",
    "unbind_ports",
]
