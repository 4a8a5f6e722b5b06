"""How a flow leaves its server: changed, as it was, or in ERROR; and its action with it."""

from collections.abc import Mapping
from typing import Any

from ...core import desired
from ...core.db import Tx
from ...core.flow import Run, Wait
from .. import instance_action
from ..server import POWER, Server
from .guest import GUEST, POLL, given_up, problem_of

_VM_STATE = {
    "running": "active",
    "shutoff": "stopped",
    "paused": "paused",
    "suspended": "suspended",
}


def succeeded(run: Run, server: Server, **values: Any) -> None:
    """The server has these values, and nothing is under way any more."""
    run.tx.change(server, task_state=None, updated_at=run.tx.now, **values)
    instance_action.finish(run.tx, server, run.row.request_id)


def powered(run: Run, server: Server, power: str, **values: Any) -> None:
    """The guest is powered as was asked: the server is in the state that goes with it."""
    state = _VM_STATE[power]
    succeeded(run, server, vm_state=state, power_state=POWER[power], fault=None, **values)


def unchanged(run: Run, server: Server, **values: Any) -> None:
    """The server goes on as it was, with these values; its action says why."""
    run.tx.change(server, task_state=None, updated_at=run.tx.now, **values)
    action_failed(run, server)


def held_up(run: Run, server: Server, host: str) -> Wait:
    """Wait for as long as it takes until the host says that it has nothing of the guest any more.

    Nothing else makes sure that the guest does not run twice. When nothing has been heard for too
    long, the server is in ERROR until the host is back, or was fenced.
    """
    told = server.vm_state == "error" and server.task_state is None
    if given_up(run, host) and not told:
        why = f"Host {host} does not say that it has removed the guest."
        broken_by(run, server, " ".join(filter(None, (_why(run)[0], why))))
    return Wait(POLL, patience=None)


def broken(run: Run, server: Server) -> None:
    """The server is in ERROR; it and its action say why."""
    broken_by(run, server, *_why(run))


def broken_by(run: Run, server: Server, message: str, details: str = "") -> None:
    """The same for another reason than that which has turned the flow round."""
    fail(run.tx, server, message, details)
    instance_action.finish(run.tx, server, run.row.request_id, message, details)


def unchanged_or_broken(
    run: Run, server: Server, host: str | None, power: str, **values: Any
) -> None:
    """The server goes on as it was, with these values, or is in ERROR.

    It goes on if its guest on this host is powered so; or is asked to be, of a host that says
    nothing: then it is as every server of that host.
    """
    row = desired.find(run.tx, host, GUEST, server.id) if host else None
    found: Mapping[str, Any] = {}
    if row is not None and row.spec is not None:
        state = desired.answer(row)
        found = row.spec if state is None else state
    if problem_of(found, power):
        broken(run, server)
    else:
        unchanged(run, server, **values)


def action_failed(run: Run, server: Server) -> None:
    """Note why the flow has turned round with the action that began it."""
    instance_action.finish(run.tx, server, run.row.request_id, *_why(run))


def _why(run: Run) -> tuple[str, str]:
    return str(run.fault.get("message", "")), str(run.fault.get("details", ""))


def fail(tx: Tx, server: Server, message: str, details: str = "", **values: Any) -> None:
    """Put a server into ERROR with a fault that says why."""
    fault = {
        "code": 500,
        "created": tx.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "message": message[:255],
        "details": details,
    }
    tx.change(server, vm_state="error", task_state=None, fault=fault, updated_at=tx.now, **values)
