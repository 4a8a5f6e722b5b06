"""Hosts with an agent of their own: how they join, who they are, and the port they connect to.

The wire for agents, below the services and without knowledge of them (`Upper` says what it asks
of them). docs/agent.md describes the protocol.
"""

from . import certificates
from .admission import TOPIC as REMOVED
from .admission import addresses, dismiss, listed, strays
from .authority import signer
from .listener import Listener
from .refusal import Refusal
from .rows import HostCertificate, JoinedHost
from .timing import Timing
from .tokens import Token, fleet_host
from .tokens import create as create_token
from .upper import Notice, Upper

__all__ = [
    "REMOVED",
    "HostCertificate",
    "JoinedHost",
    "Listener",
    "Notice",
    "Refusal",
    "Timing",
    "Token",
    "Upper",
    "addresses",
    "certificates",
    "create_token",
    "dismiss",
    "fleet_host",
    "listed",
    "signer",
    "strays",
]
