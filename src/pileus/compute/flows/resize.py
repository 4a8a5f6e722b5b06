"""Resize on the same host, confirm, revert: ask the host for the guest of the other size.

The host sets the disks aside, under the migration's id, before it makes the guest of the new size,
and keeps them until it is told to drop them (confirm) or to put them back (revert, or undo).
"""

from typing import Any

from ...core import desired
from ...core.db import Tx
from ...core.flow import Failed, Flow, Run, Step, Wait
from .. import instance_action
from ..migration import Migration, close, settle
from ..server import POWER, SHUTDOWN, Server
from .ending import fail
from .guest import GUEST, POLL, server_of

# How a guest is powered whose server has this state.
WANTED = {"active": "running", "stopped": "shutoff", "paused": "paused"}


def migration_of(run: Run) -> Migration:
    """The migration that the flow carries out."""
    found = run.tx.get(Migration, run.args["migration"])
    if found is None:
        raise Failed(f"Migration {run.args['migration']} has no row any more.")
    return found


def _asked(run: Run, server: Server, **changes: Any) -> str | None:
    """Ask the host for the guest so changed; what is wrong with it, "", or None for not yet.

    Asking again for the same changes nothing: so each look asks and then sees.
    """
    if server.host is None:
        raise Failed(f"Instance {server.id} is on no host.")
    row = desired.find(run.tx, server.host, GUEST, server.id)
    if row is None or row.spec is None:
        raise Failed(f"Instance {server.id} has no guest on host {server.host}.")
    wanted = {**row.spec, **changes}
    desired.put(run.tx, server.host, GUEST, server.id, wanted)
    state = desired.settled(run.tx, server.host, GUEST, server.id)
    if state is None:
        return None
    if state.get("error"):
        return str(state["error"])
    right = state.get("power") == wanted["power"]
    return "" if right else f"the guest is {state.get('power')} instead of {wanted['power']}"


def _new(migration: Migration) -> dict[str, Any]:
    flavor = migration.new_flavor
    size = {"vcpus": flavor["vcpus"], "memory_mb": flavor["ram"], "disks": migration.new_disks}
    return size | {"power": WANTED[migration.old_vm_state], "kept": migration.uuid, "back": ""}


def _old(migration: Migration) -> dict[str, Any]:
    flavor = migration.old_flavor
    size = {"vcpus": flavor["vcpus"], "memory_mb": flavor["ram"], "disks": migration.old_disks}
    return size | {"power": WANTED[migration.old_vm_state], "kept": "", "back": migration.uuid}


def reshape(run: Run) -> Wait | None:
    """Ask for the guest of the new size and wait for it; then it is for its owner to confirm."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    problem = _asked(run, server, **_new(migration))
    if problem is None:
        return Wait(POLL)
    if problem:
        raise Failed(f"Resize error: {problem}", f"host {server.host}: {problem}")
    close(tx, migration, "finished")
    become(tx, server, migration.new_flavor, migration.new_disks)
    tx.change(server, vm_state="resized", power_state=POWER[WANTED[migration.old_vm_state]])
    instance_action.finish(tx, server, run.row.request_id)
    return None


def become(tx: Tx, server: Server, flavor: dict[str, Any], disks: list[dict[str, Any]]) -> None:
    """The server is of this flavor from now on, and nothing is under way."""
    tx.change(
        server,
        flavor=flavor,
        flavor_id=flavor["id"],
        disks=disks,
        task_state=None,
        fault=None,
        updated_at=tx.now,
    )


def reshape_back(run: Run) -> Wait | None:
    """Undo `reshape`: ask for the guest as it was, and wait for the host's answer."""
    server = server_of(run)
    row = server.host and desired.find(run.tx, server.host, GUEST, server.id)
    if not row or row.spec is None:
        return None
    return Wait(POLL) if _asked(run, server, **_old(migration_of(run))) is None else None


def unresized(run: Run) -> Wait | None:
    """The server is as it was; or in ERROR, if even that could not be had of its host."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    why, details = str(run.fault.get("message", "")), str(run.fault.get("details", ""))
    settle(tx, server, migration, "error")
    state = server.host and desired.settled(tx, server.host, GUEST, server.id)
    if not state or state.get("error") or state.get("power") != WANTED[migration.old_vm_state]:
        fail(tx, server, why, details)
    else:
        tx.change(server, task_state=None, updated_at=tx.now)
    instance_action.finish(tx, server, run.row.request_id, why, details)
    return None


def drop_old(run: Run) -> Wait | None:
    """Let the host drop what it set aside; then the server is only what it has become."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    problem = _asked(run, server, kept="", back="")
    if problem is None:
        return Wait(POLL)
    settle(tx, server, migration, "confirmed")
    vm_state = "stopped" if server.power_state == SHUTDOWN else "active"
    tx.change(server, vm_state=vm_state, updated_at=tx.now)
    instance_action.finish(tx, server, run.row.request_id)
    return None


def put_back(run: Run) -> Wait | None:
    """Ask for the guest as it was before the resize, and wait for it."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    problem = _asked(run, server, **_old(migration))
    if problem is None:
        return Wait(POLL)
    if problem:
        raise Failed(f"Resize revert error: {problem}", f"host {server.host}: {problem}")
    become(tx, server, migration.old_flavor, migration.old_disks)
    settle(tx, server, migration, "reverted")
    tx.change(
        server,
        vm_state=migration.old_vm_state,
        power_state=POWER[WANTED[migration.old_vm_state]],
    )
    instance_action.finish(tx, server, run.row.request_id)
    return None


def unreverted(run: Run) -> Wait | None:
    """The host cannot make the old guest: the server is of its old flavor, and in ERROR."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    why, details = str(run.fault.get("message", "")), str(run.fault.get("details", ""))
    become(tx, server, migration.old_flavor, migration.old_disks)
    settle(tx, server, migration, "error")
    fail(tx, server, why, details)
    instance_action.finish(tx, server, run.row.request_id, why, details)
    return None


def unconfirmed(run: Run) -> Wait | None:
    """There is no guest to drop anything of: the resize stays to be confirmed or reverted."""
    tx, server = run.tx, server_of(run)
    close(tx, migration_of(run), "finished")
    why = str(run.fault.get("message", ""))
    instance_action.finish(tx, server, run.row.request_id, why)
    return None


RESIZE = Flow("server.resize", Step(reshape, undo=reshape_back), failed=unresized)
CONFIRM = Flow("server.confirm_resize", Step(drop_old), failed=unconfirmed)
REVERT = Flow("server.revert_resize", Step(put_back), failed=unreverted)
