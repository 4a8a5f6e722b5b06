"""The compute service: what a classic cloud calls Nova."""

from ..core.db import Tx
from ..core.flow import Flow
from ..core.parts import Parts
from . import flavor
from .counts import counts
from .flows.create import CREATE
from .flows.delete import DELETE
from .flows.power import POWER_FLOW
from .gauges import samples
from .host import host_report
from .loops import loops
from .metadata import metadata_answer
from .reports import observed
from .service import SERVICE
from .standing import INVARIANTS

FLOWS: tuple[Flow, ...] = (CREATE, DELETE, POWER_FLOW)

__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "counts",
    "first_start",
    "host_report",
    "loops",
    "metadata_answer",
    "observed",
    "samples",
]


def first_start(tx: Tx, _parts: Parts) -> None:
    """The rows of a fresh cloud: the usual flavors."""
    flavor.first_start(tx)
