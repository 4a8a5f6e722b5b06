"""Move a server to another host: migrate, resize there, confirm, revert.

The guest is turned off, its host offers its disks, and the other host fetches them and starts it
under the next generation. The first host keeps its copy, off and without interfaces, until the move
is confirmed or reverted. At every moment at most one of the two hosts is asked for a guest that
runs, and the other has said before that its own does not.
"""

from collections.abc import Mapping
from typing import Any

from ... import network, placement
from ...core import desired
from ...core.db import Tx
from ...core.flow import Flow, Run, Step, Wait
from ..host import host_id
from ..migration import Migration, close, settle
from ..server import POWER, SHUTDOWN, Server
from ..spec import guest_spec, size
from .ending import broken, held_up, succeeded, unchanged_or_broken
from .guest import (
    GUEST,
    POLL,
    asked_to_be_off,
    check,
    given_up,
    gone_from,
    no_ports_yet,
    not_there_yet,
    not_yet,
    server_of,
    spec_on,
    wanted_of,
)
from .resize import WANTED, become, migration_of


def leave(run: Run) -> Wait | None:
    """Turn the guest off, take its interfaces away, and let its host offer the disks."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    source = migration.source_host
    spec = spec_on(tx, source, server.id)
    spec.pop("origin", None)
    if "offer" not in spec:
        # With its interfaces, so that it can end its conversations while it shuts down.
        spec["power"] = "shutoff"
        state = wanted_of(tx, source, server.id, spec)
        if state is None:
            return not_yet(source, "turned the guest off")
        check_of(server, source, state, "shutoff")
    state = wanted_of(tx, source, server.id, spec | {"nics": [], "offer": secret_of(tx, migration)})
    if state is None:
        return not_yet(source, "offered the disks")
    check_of(server, source, state, "shutoff")
    return None


def stay(run: Run) -> Wait | None:
    """Undo `leave`: ask for the guest as it was, under a generation that is newer than any."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    row = desired.find(tx, migration.source_host, GUEST, server.id)
    if row is None or row.spec is None:
        return None
    if "offer" in row.spec:
        tx.change(server, generation=server.generation + 1)
    spec = guest_spec(tx, server) | {"power": WANTED[migration.old_vm_state]}
    waits = wanted_of(tx, migration.source_host, server.id, spec) is None
    return Wait(POLL) if waits and not given_up(run, migration.source_host) else None


def arrive(run: Run) -> Wait | None:
    """Ask the other host for the guest with the disks that are offered, and wait until it is there.

    Disks may take as long as they need.
    """
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    target, power = migration.dest_host, WANTED[migration.old_vm_state]
    if server.host != target:
        network.bind_ports(tx, server.id, target)
        tx.change(
            server,
            host=target,
            generation=server.generation + 1,
            task_state="resize_migrating",
            updated_at=tx.now,
        )
    found = desired.settled(tx, migration.source_host, GUEST, server.id)
    offer = None if found is None else found.get("offer")
    if offer is None:
        # Its agent has just started again, and will say where it offers them.
        return not_there_yet(run, migration.source_host, "offered the disks again")
    spec = guest_spec(tx, server) | {
        **size(tx, server, migration.new_flavor, target),
        "disks": migration.new_disks,
        "power": power,
        "origin": {**offer, "move": migration.uuid, "secret": secret_of(tx, migration)},
    }
    state = wanted_of(tx, target, server.id, spec)
    if state is None:
        return not_there_yet(run, target, "taken the disks over")
    check_of(server, target, state, power)
    return None


def arrived(run: Run) -> Wait | None:
    """Wait for the ports; then the move is there for its owner to confirm."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    power = WANTED[migration.old_vm_state]
    if power == "running" and not network.ports_ready(tx, server.id):
        return no_ports_yet()
    close(tx, migration, "finished")
    become(tx, server, migration.new_flavor, migration.new_disks)
    succeeded(run, server, vm_state="resized", power_state=POWER[power], launched_at=tx.now)
    return None


def depart(run: Run) -> Wait | None:
    """Undo `arrive`: wait until the other host has nothing of the guest any more."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    gone = gone_from(tx, server.id, migration.dest_host)
    if (gone or given_up(run, migration.dest_host)) and server.host != migration.source_host:
        network.bind_ports(tx, server.id, migration.source_host)
        tx.change(server, host=migration.source_host, updated_at=tx.now)
    return None if gone else held_up(run, server, migration.dest_host)


def unmoved(run: Run) -> Wait | None:
    """The server is where and as it was; or in ERROR, if even that could not be had."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    placement.release(tx, server.id, host_id(migration.dest_host))
    settle(tx, server, migration, "error")
    power = WANTED[migration.old_vm_state]
    as_before = {"vm_state": migration.old_vm_state, "fault": None}
    unchanged_or_broken(run, server, migration.source_host, power, **as_before)
    return None


def drop_source(run: Run) -> Wait | None:
    """Confirm: wait until the first host has nothing of the guest; then hold only the second.

    Not for ever: what the first host has is off, and goes when it is back.
    """
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    if not gone_from(tx, server.id, migration.source_host) and not run.late:
        return Wait(POLL)
    placement.release(tx, server.id, host_id(migration.source_host))
    settle(tx, server, migration, "confirmed")
    arrived_for_good(tx, server, migration)
    succeeded(run, server, vm_state="stopped" if server.power_state == SHUTDOWN else "active")
    return None


def arrived_for_good(tx: Tx, server: Server, migration: Migration) -> None:
    """The disks are where they belong: their host need not know any more where they came from."""
    row = desired.find(tx, migration.dest_host, GUEST, server.id)
    if row is not None and row.spec is not None:
        spec = {key: value for key, value in row.spec.items() if key != "origin"}
        desired.put(tx, migration.dest_host, GUEST, server.id, spec)


def go_back(run: Run) -> Wait | None:
    """Revert: wait until the second host has nothing of the guest; then the first is its own."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    gone = gone_from(tx, server.id, migration.dest_host)
    if (gone or run.late) and server.host != migration.source_host:
        network.bind_ports(tx, server.id, migration.source_host)
        tx.change(server, host=migration.source_host, generation=server.generation + 1)
        _be_old(run, server, migration)
    return None if gone else held_up(run, server, migration.dest_host)


def _be_old(run: Run, server: Server, migration: Migration) -> None:
    become(run.tx, server, migration.old_flavor, migration.old_disks)
    run.tx.change(server, task_state="resize_reverting")


def come_back(run: Run) -> Wait | None:
    """Ask the first host for the guest as it was, and wait for it and its ports."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    power = WANTED[migration.old_vm_state]
    spec = guest_spec(tx, server) | {"power": power}
    state = wanted_of(tx, migration.source_host, server.id, spec)
    if state is None:
        return not_yet(migration.source_host, "made the guest again")
    check_of(server, migration.source_host, state, power)
    if power == "running" and not network.ports_ready(tx, server.id):
        return no_ports_yet()
    _reverted(run, server, migration, "reverted")
    state_then = {"vm_state": migration.old_vm_state, "power_state": POWER[power]}
    succeeded(run, server, fault=None, **state_then)
    return None


def _reverted(run: Run, server: Server, migration: Migration, status: str) -> None:
    placement.release(run.tx, server.id, host_id(migration.dest_host))
    settle(run.tx, server, migration, status)
    become(run.tx, server, migration.old_flavor, migration.old_disks)


def not_come_back(run: Run) -> Wait | None:
    """The first host cannot make the guest again: the server is its own, and in ERROR."""
    server, migration = server_of(run), migration_of(run)
    _reverted(run, server, migration, "error")
    asked_to_be_off(run, server)
    broken(run, server)
    return None


def secret_of(tx: Tx, migration: Migration) -> dict[str, str]:
    """What nobody else can know who lacks the vault's key; sealed, as it is stored."""
    return tx.vault.seal_json(tx.vault.seal(f"the disks of move {migration.uuid}"))


def check_of(server: Server, host: str, state: Mapping[str, Any], power: str) -> None:
    """See that the guest is what was asked. Raises Failed."""
    check(state, power, f"Instance {server.id} could not be moved", host)


MOVE = Flow(
    "server.move", Step(leave, undo=stay), Step(arrive, undo=depart), Step(arrived), failed=unmoved
)
CONFIRM_MOVE = Flow("server.confirm_move", Step(drop_source))
REVERT_MOVE = Flow("server.revert_move", Step(go_back), Step(come_back), failed=not_come_back)
