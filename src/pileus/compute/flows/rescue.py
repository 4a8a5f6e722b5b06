"""Rescue a server: boot it from another disk, its own ones beside it. Unrescue: from its own."""

from typing import Any

from ...core import desired
from ...core.flow import Failed, Flow, Run, Step, Wait
from .. import instance_action
from ..server import POWER, Server
from ..spec import guest_spec
from .ending import fail
from .guest import GUEST, POLL, server_of
from .shelve import turn_off, turn_on

RESCUE_DISK = "disk.rescue"


def boot_rescue(run: Run) -> Wait | None:
    """Ask for the guest with a further disk, which the driver boots from, of the rescue image."""
    tx, server = run.tx, server_of(run)
    if server.host is None:
        raise Failed(f"Instance {server.id} is on no host.")
    disk = {"name": RESCUE_DISK, "size_gb": 0, "image": run.args["image"], "bus": "virtio"}
    spec = guest_spec(tx, server) | {"disks": [*server.disks, disk], "power": "running"}
    desired.put(tx, server.host, GUEST, server.id, spec)
    return None


def boot_again(run: Run) -> Wait | None:
    """Undo `boot_rescue`: ask for the guest without it, and wait for an answer."""
    server = server_of(run)
    row = server.host and desired.find(run.tx, server.host, GUEST, server.id)
    if not row or row.spec is None or server.host is None:
        return None
    spec = {**row.spec, "disks": server.disks, "power": run.args["before"]}
    desired.put(run.tx, server.host, GUEST, server.id, spec)
    return None if desired.settled(run.tx, server.host, GUEST, server.id) else Wait(POLL)


def rescued(run: Run) -> Wait | None:
    """Wait for the guest; it is then its owner's to mend."""
    return _running(run, "rescued", "Rescue")


def boot_own(run: Run) -> Wait | None:
    """Ask for the guest without the rescue disk."""
    tx, server = run.tx, server_of(run)
    if server.host is None:
        raise Failed(f"Instance {server.id} is on no host.")
    desired.put(tx, server.host, GUEST, server.id, guest_spec(tx, server))
    return None


def unrescued(run: Run) -> Wait | None:
    """Wait for the guest; the server is active again."""
    return _running(run, "active", "Unrescue")


def _running(run: Run, vm_state: str, what: str) -> Wait | None:
    tx, server = run.tx, server_of(run)
    state = desired.settled(tx, str(server.host), GUEST, server.id)
    if state is None:
        return Wait(POLL)
    problem = state.get("error") or ""
    if not problem and state.get("power") != "running":
        problem = f"the guest is {state.get('power')} instead of running"
    if problem:
        raise Failed(
            f"{what} of instance {server.id} failed: {problem}", f"host {server.host}: {problem}"
        )
    _end(run, server, vm_state=vm_state, power_state=POWER["running"], fault=None)
    return None


def _end(run: Run, server: Server, why: str = "", details: str = "", **values: Any) -> None:
    run.tx.change(server, task_state=None, updated_at=run.tx.now, **values)
    instance_action.finish(run.tx, server, run.row.request_id, why, details)


def unchanged(run: Run) -> Wait | None:
    """The server is as it was before, or in ERROR if its host cannot even make it so."""
    tx, server, why = run.tx, server_of(run), str(run.fault.get("message", ""))
    details = str(run.fault.get("details", ""))
    state = server.host and desired.settled(tx, server.host, GUEST, server.id)
    if server.vm_state == "rescued" or not state or state.get("power") != run.args["before"]:
        fail(tx, server, why, details)
    _end(run, server, why, details)
    return None


RESCUE = Flow(
    "server.rescue",
    Step(turn_off, undo=turn_on),
    Step(boot_rescue, undo=boot_again),
    Step(rescued),
    failed=unchanged,
)
UNRESCUE = Flow(
    "server.unrescue", Step(turn_off), Step(boot_own), Step(unrescued), failed=unchanged
)
