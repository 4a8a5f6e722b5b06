"""Resize on the same host, confirm, revert: ask the host for the guest of the other size.

The host sets the disks aside, under the migration's id, before it makes the guest of the new size,
and keeps them until it is told to drop them (confirm) or to put them back (revert, or undo).
"""

from typing import Any

from ...core.db import Tx
from ...core.flow import Failed, Flow, Run, Step, Wait
from ..migration import Migration, close, settle
from ..server import POWER, SHUTDOWN, Server
from ..spec import size
from .ending import action_failed, broken, succeeded, unchanged, unchanged_or_broken
from .guest import POLL, asked, asked_back, host_of, not_yet, server_of

# How a guest is powered whose server has this state.
WANTED = {"active": "running", "stopped": "shutoff", "paused": "paused"}


def migration_of(run: Run) -> Migration:
    """The migration that the flow carries out."""
    found = run.tx.get(Migration, run.args["migration"])
    if found is None:
        raise Failed(f"Migration {run.args['migration']} has no row any more.")
    return found


def _new(run: Run, migration: Migration) -> dict[str, Any]:
    found = size(run.tx, server_of(run), migration.new_flavor, migration.dest_host)
    return (
        found
        | {"disks": migration.new_disks}
        | {"power": WANTED[migration.old_vm_state], "kept": migration.uuid, "back": ""}
    )


def _old(run: Run, migration: Migration) -> dict[str, Any]:
    found = size(run.tx, server_of(run), migration.old_flavor, migration.source_host)
    return (
        found
        | {"disks": migration.old_disks}
        | {"power": WANTED[migration.old_vm_state], "kept": "", "back": migration.uuid}
    )


def reshape(run: Run) -> Wait | None:
    """Ask for the guest of the new size and wait for it; then it is for its owner to confirm."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    problem = asked(run, server, **_new(run, migration))
    if problem is None:
        return not_yet(host_of(server), "resized the guest")
    if problem:
        raise Failed(f"Resize error: {problem}", f"host {server.host}: {problem}")
    close(tx, migration, "finished")
    become(tx, server, migration.new_flavor, migration.new_disks)
    power = WANTED[migration.old_vm_state]
    succeeded(run, server, vm_state="resized", power_state=POWER[power])
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
    return asked_back(run, server_of(run), **_old(run, migration_of(run)))


def unresized(run: Run) -> Wait | None:
    """The server is as it was; or in ERROR, if even that could not be had of its host."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    settle(tx, server, migration, "error")
    unchanged_or_broken(run, server, server.host, WANTED[migration.old_vm_state])
    return None


def drop_old(run: Run) -> Wait | None:
    """Let the host drop what it set aside; then the server is only what it has become.

    Not waiting for ever: a host that is away drops it when it is back.
    """
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    problem = asked(run, server, kept="", back="")
    if problem is None and not run.late:
        return Wait(POLL)
    settle(tx, server, migration, "confirmed")
    succeeded(run, server, vm_state="stopped" if server.power_state == SHUTDOWN else "active")
    return None


def put_back(run: Run) -> Wait | None:
    """Ask for the guest as it was before the resize, and wait for it."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    problem = asked(run, server, **_old(run, migration))
    if problem is None:
        return not_yet(host_of(server), "put the old guest back")
    if problem:
        raise Failed(f"Resize revert error: {problem}", f"host {server.host}: {problem}")
    become(tx, server, migration.old_flavor, migration.old_disks)
    settle(tx, server, migration, "reverted")
    power = WANTED[migration.old_vm_state]
    succeeded(run, server, vm_state=migration.old_vm_state, power_state=POWER[power])
    return None


def keep_new(run: Run) -> Wait | None:
    """Undo a `put_back` that nobody has answered for: the guest stays of the new size."""
    if not run.unanswered:
        return None
    return asked_back(run, server_of(run), **_new(run, migration_of(run)))


def unreverted(run: Run) -> Wait | None:
    """The host cannot make the old guest: the server is of its old flavor, and in ERROR.

    If it has only said nothing, the resize is there to be confirmed or reverted, as before.
    """
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    if run.unanswered:
        close(tx, migration, "finished")
        unchanged(run, server)
        return None
    become(tx, server, migration.old_flavor, migration.old_disks)
    settle(tx, server, migration, "error")
    broken(run, server)
    return None


def unconfirmed(run: Run) -> Wait | None:
    """There is no guest to drop anything of: the resize stays to be confirmed or reverted."""
    close(run.tx, migration_of(run), "finished")
    action_failed(run, server_of(run))
    return None


RESIZE = Flow("server.resize", Step(reshape, undo=reshape_back), failed=unresized)
CONFIRM = Flow("server.confirm_resize", Step(drop_old), failed=unconfirmed)
REVERT = Flow("server.revert_resize", Step(put_back, undo=keep_new), failed=unreverted)
