"""Rebuild a server: its host throws the disks away and makes the guest anew from the image."""

from ...core import desired
from ...core.flow import Failed, Flow, Run, Step, Wait
from .. import instance_action
from ..server import POWER
from ..spec import guest_spec
from .ending import fail
from .guest import GUEST, POLL, server_of

_VM_STATE = {"running": "active", "shutoff": "stopped"}


def renew(run: Run) -> Wait | None:
    """Ask the host for the new guest; that there is one more build makes it anew."""
    tx, server = run.tx, server_of(run)
    if server.host is None:
        raise Failed(f"Instance {server.id} is on no host.")
    spec = guest_spec(tx, server) | {"power": run.args["power"]}
    desired.put(tx, server.host, GUEST, server.id, spec)
    return None


def renewed(run: Run) -> Wait | None:
    """Wait for the new guest."""
    tx, server, wanted = run.tx, server_of(run), run.args["power"]
    state = desired.settled(tx, str(server.host), GUEST, server.id)
    if state is None:
        return Wait(POLL)
    problem = state.get("error") or ""
    if not problem and state.get("power") != wanted:
        problem = f"the guest is {state.get('power')} instead of {wanted}"
    if problem:
        raise Failed(
            f"Rebuild of instance {server.id} failed: {problem}", f"host {server.host}: {problem}"
        )
    tx.change(
        server,
        vm_state=_VM_STATE[wanted],
        task_state=None,
        power_state=POWER[wanted],
        launched_at=tx.now,
        updated_at=tx.now,
        fault=None,
    )
    instance_action.finish(tx, server, run.row.request_id)
    return None


def not_renewed(run: Run) -> Wait | None:
    """What was there is gone or half gone: the server is in ERROR, and can be rebuilt again."""
    tx, server, why = run.tx, server_of(run), str(run.fault.get("message", ""))
    details = str(run.fault.get("details", ""))
    fail(tx, server, why, details)
    instance_action.finish(tx, server, run.row.request_id, why, details)
    return None


REBUILD = Flow("server.rebuild", Step(renew), Step(renewed), failed=not_renewed)
