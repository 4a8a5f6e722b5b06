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
from .. import instance_action
from ..host import host_id
from ..migration import Migration, close, settle
from ..server import Server
from .create import GUEST, POLL, fail, server_of
from .move import check_of, depart, gone_from, secret_of, stay, wanted_of
from .resize import WANTED, migration_of

_PORTS_POLL = 0.5
ABORTING = "cancelling"


def offer(run: Run) -> Wait | None:
    """Let the guest's host offer it while it runs."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    source = migration.source_host
    row = desired.find(tx, source, GUEST, server.id)
    if row is None or row.spec is None:
        raise Failed(f"Instance {server.id} has no guest on host {source}.")
    spec = {key: value for key, value in row.spec.items() if key != "origin"}
    spec |= {"offer": secret_of(tx, migration), "live": True}
    state = wanted_of(tx, source, server.id, spec)
    if state is None:
        return Wait(POLL)
    check_of(server, source, state, WANTED[migration.old_vm_state])
    if migration.status == "preparing":
        close(tx, migration, "running")
    return None


def receive(run: Run) -> Wait | None:
    """Ask the other host for the guest that is offered, and wait until it has taken it over."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    target, power = migration.dest_host, WANTED[migration.old_vm_state]
    row = desired.find(tx, target, GUEST, server.id)
    found = desired.settled(tx, migration.source_host, GUEST, server.id)
    offered = None if found is None else found.get("offer")
    if offered is not None and migration.status != ABORTING:
        origin = {**offered, "move": migration.uuid, "secret": secret_of(tx, migration)}
        first = desired.find(tx, migration.source_host, GUEST, server.id)
        assert first is not None  # noqa: S101
        spec = {k: v for k, v in (first.spec or {}).items() if k not in ("offer", "live")}
        spec |= {"generation": server.generation + 1, "origin": origin | {"live": True}}
        wanted_of(tx, target, server.id, spec)
        row = desired.find(tx, target, GUEST, server.id)
    state = None if row is None else desired.settled(tx, target, GUEST, server.id)
    if state is None:
        if migration.status == ABORTING:
            _take_back(tx, server, migration)
        return Wait(POLL)
    check_of(server, target, state, power)
    # Not before: until then the guest and its ports are where they were.
    network.bind_ports(tx, server.id, target)
    tx.change(server, host=target, generation=server.generation + 1, updated_at=tx.now)
    close(tx, migration, "post-migrating")
    return None


def _take_back(tx: Tx, server: Server, migration: Migration) -> None:
    """Withdraw the offer. Raises Failed once the first host has said that the guest is there."""
    source = migration.source_host
    row = desired.find(tx, source, GUEST, server.id)
    if row is None or row.spec is None:
        raise Failed(f"Instance {server.id} has no guest on host {source}.")
    spec = {key: value for key, value in row.spec.items() if key not in ("offer", "live")}
    state = wanted_of(tx, source, server.id, spec)
    if state is None:
        return
    if not state.get("error") and state.get("power") == WANTED[migration.old_vm_state]:
        raise Failed("The live migration was aborted.")
    # It came too late: the other host has the guest, or needs a word to know that it has.
    wanted_of(tx, source, server.id, spec | {"offer": secret_of(tx, migration), "live": True})
    close(tx, migration, "running")


def let_go(run: Run) -> Wait | None:
    """Wait until the first host has nothing left of it, and the ports are up on the second."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    if not gone_from(tx, server.id, migration.source_host):
        return Wait(POLL)
    if not network.ports_ready(tx, server.id):
        return Wait(_PORTS_POLL)
    placement.release(tx, server.id, host_id(migration.source_host))
    settle(tx, server, migration, "completed")
    row = desired.find(tx, migration.dest_host, GUEST, server.id)
    if row is not None and row.spec is not None:
        spec = {key: value for key, value in row.spec.items() if key != "origin"}
        desired.put(tx, migration.dest_host, GUEST, server.id, spec)
    tx.change(server, task_state=None, updated_at=tx.now)
    instance_action.finish(tx, server, run.row.request_id)
    return None


def not_handed(run: Run) -> Wait | None:
    """The guest is where it was; the server is in ERROR only if it does not run there."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    why, details = str(run.fault.get("message", "")), str(run.fault.get("details", ""))
    status = "cancelled" if migration.status == ABORTING else "failed"
    placement.release(tx, server.id, host_id(migration.dest_host))
    settle(tx, server, migration, status)
    state = desired.settled(tx, migration.source_host, GUEST, server.id)
    if not state or state.get("error") or state.get("power") != WANTED[migration.old_vm_state]:
        fail(tx, server, why, details)
    else:
        tx.change(server, task_state=None, updated_at=tx.now)
    instance_action.finish(tx, server, run.row.request_id, why, details)
    return None


LIVE = Flow(
    "server.live_migration",
    Step(offer, undo=stay),
    Step(receive, undo=depart),
    Step(let_go),
    failed=not_handed,
)
