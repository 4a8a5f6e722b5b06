"""The compute service: what a classic cloud calls Nova."""

from ..core.db import Tx
from ..core.flow import Flow
from ..core.parts import Parts
from . import flavor
from .counts import counts
from .driver import HostFacts
from .explain import explain_flavor, explain_server
from .flows.create import CREATE
from .flows.delete import DELETE, DELETE_SHELVED
from .flows.evacuate import EVACUATE
from .flows.interface import ATTACH, DETACH
from .flows.live import LIVE
from .flows.move import CONFIRM_MOVE, MOVE, REVERT_MOVE
from .flows.power import POWER_FLOW
from .flows.rebuild import REBUILD
from .flows.rescue import RESCUE, UNRESCUE
from .flows.resize import CONFIRM, RESIZE, REVERT
from .flows.shelve import OFFLOAD, SHELVE, UNSHELVE
from .flows.snapshot import SNAPSHOT_FLOW
from .gauges import samples
from .guest_ports import GuestPorts
from .host import host_report
from .host import known as host_known
from .host import moved as hosts_moved
from .host import register as host_register
from .host import seen as hosts_seen
from .host_api import host_forget
from .loops import loops
from .metadata import metadata_answer
from .removal import remove_guest
from .reports import observed
from .scheduler import BadSettings, Scheduler, read_settings
from .service import SERVICE
from .standing import INVARIANTS

FLOWS: tuple[Flow, ...] = (
    CREATE,
    DELETE,
    DELETE_SHELVED,
    POWER_FLOW,
    RESIZE,
    CONFIRM,
    REVERT,
    MOVE,
    CONFIRM_MOVE,
    REVERT_MOVE,
    EVACUATE,
    LIVE,
    REBUILD,
    SNAPSHOT_FLOW,
    SHELVE,
    OFFLOAD,
    UNSHELVE,
    RESCUE,
    UNRESCUE,
    ATTACH,
    DETACH,
)

__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "BadSettings",
    "GuestPorts",
    "HostFacts",
    "Scheduler",
    "counts",
    "explain_flavor",
    "explain_server",
    "first_start",
    "host_forget",
    "host_known",
    "host_register",
    "host_report",
    "hosts_moved",
    "hosts_seen",
    "loops",
    "metadata_answer",
    "observed",
    "read_settings",
    "remove_guest",
    "samples",
]


def first_start(tx: Tx, _parts: Parts) -> None:
    """The rows of a fresh cloud: the usual flavors."""
    flavor.first_start(tx)
