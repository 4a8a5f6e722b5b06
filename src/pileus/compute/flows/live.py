"""Live migration: the guest goes on at another host, stopped only while it is handed over.

The first host offers disks and guest; the second fetches them, and when it has everything asks the
first to stop its own. The first does so for good (its driver obeys only a newer generation from
then on) before it answers, and only then does the second start: so never both run, whichever of
them dies. Failure before that moment leaves the guest as it is; after it, the guest is started
again on the first host as after a loss of power. An abort asks the first host to take its offer
back: what it then says tells whether the guest is still there, and if not, the migration goes on.
"""

from ... import network, placement
from ...core import desired
from ...core.db import Tx
from ...core.flow import Failed, Flow, Run, Step, Wait
from ..host import host_id
from ..migration import Migration, close, settle
from ..server import Server
from .ending import succeeded, unchanged_or_broken
from .guest import (
    GUEST,
    POLL,
    gone_from,
    no_ports_yet,
    not_there_yet,
    not_yet,
    problem_of,
    server_of,
    spec_on,
    wanted_of,
)
from .move import arrived_for_good, check_of, depart, secret_of, stay
from .resize import WANTED, migration_of

ABORTING = "cancelling"


def offer(run: Run) -> Wait | None:
    """Let the guest's host offer it while it runs."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    source = migration.source_host
    spec = spec_on(tx, source, server.id)
    spec.pop("origin", None)
    spec |= {"offer": secret_of(tx, migration), "live": True}
    state = wanted_of(tx, source, server.id, spec)
    if state is None:
        return not_yet(source, "offered the guest")
    check_of(server, source, state, WANTED[migration.old_vm_state])
    if migration.status == "preparing":
        close(tx, migration, "running")
    return None


def receive(run: Run) -> Wait | None:
    """Ask the other host for the guest that is offered, and wait until it has taken it over."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    target, power = migration.dest_host, WANTED[migration.old_vm_state]
    if server.host == target:
        return None
    row = desired.find(tx, target, GUEST, server.id)
    found = desired.settled(tx, migration.source_host, GUEST, server.id)
    offered = None if found is None else found.get("offer")
    if offered is not None and migration.status != ABORTING:
        origin = {**offered, "move": migration.uuid, "secret": secret_of(tx, migration)}
        first = spec_on(tx, migration.source_host, server.id)
        spec = {key: value for key, value in first.items() if key not in ("offer", "live")}
        spec |= {"generation": server.generation + 1, "origin": origin | {"live": True}}
        wanted_of(tx, target, server.id, spec)
        row = desired.find(tx, target, GUEST, server.id)
    state = None if row is None else desired.settled(tx, target, GUEST, server.id)
    if state is None:
        if migration.status == ABORTING:
            _take_back(tx, server, migration)
            return not_yet(migration.source_host, "said whether it still has the guest")
        return not_there_yet(run, target, "taken the guest over")
    check_of(server, target, state, power)
    # Not before: until then the guest and its ports are where they were.
    network.bind_ports(tx, server.id, target)
    tx.change(server, host=target, generation=server.generation + 1, updated_at=tx.now)
    close(tx, migration, "post-migrating")
    return None


def _take_back(tx: Tx, server: Server, migration: Migration) -> None:
    """Withdraw the offer. Raises Failed once the first host has said that the guest is there."""
    source = migration.source_host
    spec = spec_on(tx, source, server.id)
    spec = {key: value for key, value in spec.items() if key not in ("offer", "live")}
    state = wanted_of(tx, source, server.id, spec)
    if state is None:
        return
    if not problem_of(state, WANTED[migration.old_vm_state]):
        raise Failed("The live migration was aborted.")
    # It came too late: the other host has the guest, or needs a word to know that it has.
    wanted_of(tx, source, server.id, spec | {"offer": secret_of(tx, migration), "live": True})
    close(tx, migration, "running")


def let_go(run: Run) -> Wait | None:
    """Wait until the first host has nothing left of it, and the ports are up on the second.

    Not for ever: the guest runs here, and the first host has said that it never will there again.
    """
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    if not gone_from(tx, server.id, migration.source_host) and not run.late:
        return Wait(POLL)
    if not network.ports_ready(tx, server.id) and not run.late:
        return no_ports_yet()
    placement.release(tx, server.id, host_id(migration.source_host))
    settle(tx, server, migration, "completed")
    arrived_for_good(tx, server, migration)
    succeeded(run, server)
    return None


def not_handed(run: Run) -> Wait | None:
    """The guest is where it was; the server is in ERROR only if it does not run there."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    status = "cancelled" if migration.status == ABORTING else "failed"
    placement.release(tx, server.id, host_id(migration.dest_host))
    settle(tx, server, migration, status)
    power = WANTED[migration.old_vm_state]
    as_before = {"vm_state": migration.old_vm_state, "fault": None}
    unchanged_or_broken(run, server, migration.source_host, power, **as_before)
    return None


LIVE = Flow(
    "server.live_migration",
    Step(offer, undo=stay),
    Step(receive, undo=depart),
    Step(let_go),
    failed=not_handed,
)
