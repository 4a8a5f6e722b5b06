"""Start, stop, reboot, pause, suspend: change what the guest should be, wait until it is."""

from typing import Any

from ...core import desired
from ...core.flow import Failed, Flow, Run, Step, Wait
from .. import instance_action
from ..server import POWER, Server
from .ending import fail
from .guest import GUEST, server_of

_POLL = 20.0
_VM_STATE = {
    "running": "active",
    "shutoff": "stopped",
    "paused": "paused",
    "suspended": "suspended",
}


def _host(server: Server) -> str:
    if server.host is None:
        raise Failed(f"Instance {server.id} is on no host.")
    return server.host


def _ask(run: Run, server: Server, **changes: Any) -> None:
    host = _host(server)
    row = desired.find(run.tx, host, GUEST, server.id)
    if row is None or row.spec is None:
        raise Failed(f"Instance {server.id} has no guest on host {host}.")
    spec = {**row.spec, **changes}
    if spec == row.spec:
        # The guest is not what it should be already: the host must look at it again.
        desired.retry(run.tx, host, GUEST, server.id)
    else:
        desired.put(run.tx, host, GUEST, server.id, spec)


def ask(run: Run) -> Wait | None:
    """Write down the power that is wanted, and that there is one more reboot."""
    server, args = server_of(run), run.args
    changes: dict[str, Any] = {"power": args["power"]}
    if args.get("reboot"):
        run.tx.change(server, reboots=server.reboots + 1)
        changes |= {"reboots": server.reboots, "reboot": args["reboot"]}
    _ask(run, server, **changes)
    return None


def ask_back(run: Run) -> Wait | None:
    """Undo `ask`: want what was there before."""
    server = server_of(run)
    if server.host is not None and desired.find(run.tx, server.host, GUEST, server.id):
        _ask(run, server, power=run.args["before"])
    return None


def done(run: Run) -> Wait | None:
    """Wait for the host's report, and take the server's state from it."""
    server, wanted = server_of(run), run.args["power"]
    state = desired.settled(run.tx, _host(server), GUEST, server.id)
    if state is None:
        return Wait(_POLL)
    power = state.get("power")
    if state.get("error") or power != wanted:
        problem = state.get("error") or f"the guest is {power} instead of {wanted}"
        raise Failed(f"Instance {server.id}: {problem}", f"host {server.host}: {problem}")
    run.tx.change(
        server,
        vm_state=_VM_STATE[wanted],
        task_state=None,
        power_state=POWER[wanted],
        updated_at=run.tx.now,
        fault=None,
    )
    instance_action.finish(run.tx, server, run.row.request_id)
    return None


def failed(run: Run) -> Wait | None:
    """The server is usable as it was before, except after a reboot: nobody knows then."""
    tx, server, why = run.tx, server_of(run), str(run.fault.get("message", ""))
    details = str(run.fault.get("details", ""))
    if run.args.get("reboot"):
        fail(tx, server, why, details)
    else:
        tx.change(server, task_state=None, updated_at=tx.now)
    instance_action.finish(tx, server, run.row.request_id, why, details)
    return None


POWER_FLOW = Flow("server.power", Step(ask, undo=ask_back), Step(done), failed=failed)
