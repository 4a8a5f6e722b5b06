"""Evacuate a server: its host is dead, so another one makes its guest anew from the image.

The request's transaction has claimed the other host already and given back what the dead one held.
The dead host is asked to remove the guest under its old generation: its agent hears of that before
anything else should the host come back.
"""

from datetime import timedelta
from typing import Any

from ... import network
from ...core import desired
from ...core.flow import Failed, Flow, Run, Step, Wait
from .. import instance_action
from ..migration import close
from ..server import POWER
from ..spec import guest_spec
from .ending import fail
from .guest import GUEST, POLL, server_of
from .resize import migration_of

_PORTS_POLL = 0.5
_PATIENCE = timedelta(minutes=15)
_VM_STATE = {"running": "active", "shutoff": "stopped"}


def build(run: Run) -> Wait | None:
    """Ask the new host for the guest, and wait until it and its ports are up."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    power = run.args["power"]
    spec: dict[str, Any] = guest_spec(tx, server) | {"power": power}
    desired.put(tx, migration.dest_host, GUEST, server.id, spec)
    late = tx.now - run.row.created_at > _PATIENCE
    state = desired.settled(tx, migration.dest_host, GUEST, server.id)
    if state is None:
        if late:
            raise Failed(f"Host {migration.dest_host} has not made the guest in {_PATIENCE}.")
        return Wait(POLL)
    problem = state.get("error") or ""
    if not problem and state.get("power") != power:
        problem = f"the guest is {state.get('power')} instead of {power}"
    if problem:
        raise Failed(f"Evacuation of instance {server.id} failed: {problem}")
    if power == "running" and not network.ports_ready(tx, server.id):
        if late:
            raise Failed("Virtual Interface creation failed: the ports did not come up.")
        return Wait(_PORTS_POLL)
    close(tx, migration, "done")
    tx.change(
        server,
        vm_state=_VM_STATE[power],
        task_state=None,
        power_state=POWER[power],
        launched_at=tx.now,
        updated_at=tx.now,
        fault=None,
    )
    instance_action.finish(tx, server, run.row.request_id)
    return None


def not_built(run: Run) -> Wait | None:
    """The server is on its new host and in ERROR: it can be rebuilt there, or evacuated again."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    why, details = str(run.fault.get("message", "")), str(run.fault.get("details", ""))
    close(tx, migration, "failed")
    fail(tx, server, why, details)
    instance_action.finish(tx, server, run.row.request_id, why, details)
    return None


EVACUATE = Flow("server.evacuate", Step(build), failed=not_built)
