"""How a flow leaves its server: changed, as it was, or in ERROR; and its action with it."""

from typing import Any

from ...core import desired
from ...core.db import Tx
from ...core.flow import Run
from .. import instance_action
from ..server import POWER, Server
from .guest import GUEST, problem_of

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


def unchanged(run: Run, server: Server) -> None:
    """The server goes on as it was; its action says why."""
    run.tx.change(server, task_state=None, updated_at=run.tx.now)
    action_failed(run, server)


def broken(run: Run, server: Server) -> None:
    """The server is in ERROR; it and its action say why."""
    fail(run.tx, server, *_why(run))
    action_failed(run, server)


def unchanged_or_broken(run: Run, server: Server, host: str | None, power: str) -> None:
    """The server goes on as it was if its guest on this host is powered so, else it is in ERROR."""
    state = host and desired.settled(run.tx, host, GUEST, server.id)
    if not state or problem_of(state, power):
        broken(run, server)
    else:
        unchanged(run, server)


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
