"""Rescue a server: boot it from another disk, its own ones beside it. Unrescue: from its own."""

from ...core import desired
from ...core.flow import Flow, Run, Step, Wait
from ..server import POWER
from ..spec import guest_spec
from .ending import broken, succeeded, unchanged, unchanged_or_broken
from .guest import GUEST, asked_back, check, host_of, not_yet, server_of
from .shelve import turn_off, turn_on

RESCUE_DISK = "disk.rescue"


def boot_rescue(run: Run) -> Wait | None:
    """Ask for the guest with a further disk, which the driver boots from, of the rescue image."""
    tx, server = run.tx, server_of(run)
    disk = {"name": RESCUE_DISK, "size_gb": 0, "image": run.args["image"], "bus": "virtio"}
    spec = guest_spec(tx, server) | {"disks": [*server.disks, disk], "power": "running"}
    desired.put(tx, host_of(server), GUEST, server.id, spec)
    return None


def boot_again(run: Run) -> Wait | None:
    """Undo `boot_rescue`: ask for the guest without it, and wait for an answer."""
    server = server_of(run)
    return asked_back(run, server, disks=server.disks, power=run.args["before"])


def rescued(run: Run) -> Wait | None:
    """Wait for the guest; it is then its owner's to mend."""
    return _running(run, "rescued", "Rescue")


def boot_own(run: Run) -> Wait | None:
    """Ask for the guest without the rescue disk."""
    tx, server = run.tx, server_of(run)
    desired.put(tx, host_of(server), GUEST, server.id, guest_spec(tx, server))
    return None


def boot_rescue_again(run: Run) -> Wait | None:
    """Undo an unrescue that nobody has answered for: the server stays rescued."""
    if not _stays(run):
        return None
    return asked_back(run, server_of(run), disks=run.args["disks"], power="running")


def _stays(run: Run) -> bool:
    return run.unanswered and "disks" in run.args


def unrescued(run: Run) -> Wait | None:
    """Wait for the guest; the server is active again."""
    return _running(run, "active", "Unrescue")


def _running(run: Run, vm_state: str, what: str) -> Wait | None:
    tx, server = run.tx, server_of(run)
    state = desired.settled(tx, str(server.host), GUEST, server.id)
    if state is None:
        return not_yet(host_of(server), "booted the guest")
    check(state, "running", f"{what} of instance {server.id} failed", server.host)
    succeeded(run, server, vm_state=vm_state, power_state=POWER["running"], fault=None)
    return None


def as_before(run: Run) -> Wait | None:
    """The server is as it was before, or in ERROR if its host cannot even make it so."""
    server = server_of(run)
    if server.vm_state == "rescued":
        end = unchanged if _stays(run) else broken
        end(run, server)
    else:
        unchanged_or_broken(run, server, server.host, run.args["before"])
    return None


RESCUE = Flow(
    "server.rescue",
    Step(turn_off, undo=turn_on),
    Step(boot_rescue, undo=boot_again),
    Step(rescued),
    failed=as_before,
)
UNRESCUE = Flow(
    "server.unrescue",
    Step(turn_off, undo=boot_rescue_again),
    Step(boot_own),
    Step(unrescued),
    failed=as_before,
)
