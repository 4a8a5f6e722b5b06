"""Changes of servers whose flow is lost: which flow goes on with them, or how they end instead.

A flow may be started again from its beginning wherever it was, as every step may run twice. What it
was started with is gone with it, so this is right only where the server's rows and what its hosts
are asked for still say all of that. Elsewhere the server is put into a state that is clear.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import image as images
from ..core import desired, flow
from ..core.db import Tx
from ..core.flow import Flow, FlowRow
from . import instance_action
from .flows.create import CREATE
from .flows.delete import DELETE, DELETE_SHELVED
from .flows.ending import fail
from .flows.evacuate import EVACUATE
from .flows.guest import GUEST, still_there
from .flows.live import LIVE, let_go
from .flows.move import CONFIRM_MOVE, MOVE, REVERT_MOVE
from .flows.power import POWER_FLOW
from .flows.rebuild import REBUILD
from .flows.rescue import RESCUE, RESCUE_DISK, UNRESCUE
from .flows.resize import CONFIRM, RESIZE, REVERT
from .flows.shelve import OFFLOAD, SHELVE, UNSHELVE
from .flows.snapshot import abandon
from .instance_action import InstanceAction
from .migration import Migration, open_of
from .server import GUEST_POWER, Server

_LOST = "What was being done to this server was lost."
# What each unfinished change of power was to end in; reboots are those that are asked for again.
_POWERS: dict[str, dict[str, str]] = {
    "powering-on": {"power": "running"},
    "powering-off": {"power": "shutoff"},
    "pausing": {"power": "paused"},
    "unpausing": {"power": "running"},
    "suspending": {"power": "suspended"},
    "resuming": {"power": "running"},
    "rebooting": {"power": "running", "reboot": "soft"},
    "rebooting_hard": {"power": "running", "reboot": "hard"},
}
# By the migration's state: on one host, and between two.
_MOVES = {
    "migrating": (RESIZE, MOVE),
    "confirming": (CONFIRM, CONFIRM_MOVE),
    "reverting": (REVERT, REVERT_MOVE),
    "preparing": (RESIZE, LIVE),
    "running": (RESIZE, LIVE),
    "cancelling": (RESIZE, LIVE),
    "post-migrating": (RESIZE, LIVE),
}
_SNAPSHOTS = ("image_snapshot_pending", "image_uploading", "image_backup")
_SHELVING = ("shelving", "shelving_image_uploading")


@dataclass(frozen=True)
class Way:
    """Out of a change whose flow is lost: the flow that goes on with it, or an end."""

    does: str
    flow: Flow | None = None
    args: dict[str, Any] = field(default_factory=dict)
    step: str = ""  # where the flow is not to begin at its beginning
    end: Callable[[Tx, Server], None] | None = None


def _again(kind: Flow, step: str = "", **args: Any) -> Way:
    return Way("the change is started again", kind, args, step)


def _as_before(does: str = "") -> Way:
    return Way(f"{does}the server is as it was before, and its action has failed", end=_unchanged)


def _error() -> Way:
    return Way("the server is in ERROR, with a fault that says why", end=_failed)


def way_of(tx: Tx, server: Server) -> Way:
    """What to do about this server, which no flow changes."""
    task = server.task_state or ""
    if task == "deleting":
        shelved = server.shelved_image
        return _again(DELETE_SHELVED, image=shelved) if shelved else _again(DELETE)
    migration = open_of(tx, server.id)
    if migration is not None and migration.status != "finished":
        return _move(migration)
    if server.vm_state == "building":
        return _again(CREATE) if server.host else _error()
    if task in _SNAPSHOTS:
        return _as_before("no image comes of it, ")
    if task == "unshelving" and server.host is None:
        return _as_before()
    if server.host is None:
        return _error()
    if task in _POWERS:
        before = GUEST_POWER.get(server.vm_state, "running")
        return _again(POWER_FLOW, before=before, **_POWERS[task])
    return _with_guest(tx, server, task)


def _move(migration: Migration) -> Way:
    between = migration.source_host != migration.dest_host
    # Past the hand-over nothing is offered any more.
    step = let_go.__name__ if migration.status == "post-migrating" else ""
    return _again(_MOVES[migration.status][between], step, migration=migration.uuid)


def _with_guest(tx: Tx, server: Server, task: str) -> Way:
    """What to do where it depends on what the server's host is asked for."""
    row = desired.find(tx, str(server.host), GUEST, server.id)
    spec = {} if row is None or row.spec is None else row.spec
    power = GUEST_POWER.get(server.vm_state, "running")
    image = server.shelved_image
    if task == "rebuilding":
        rows = tx.all(Migration, server_id=server.id, migration_type="evacuation")
        for found in rows:
            if found.status == "accepted" and found.dest_host == server.host:
                # How it was to be powered, its host knows if it was asked; else its owner does.
                wanted = spec.get("power", "shutoff")
                return _again(EVACUATE, migration=found.uuid, power=wanted)
        return _again(REBUILD, power="shutoff" if power == "shutoff" else "running")
    if task == "rescuing":
        disks = {disk["name"]: disk for disk in spec.get("disks", ())}
        if RESCUE_DISK in disks:
            return _again(RESCUE, image=disks[RESCUE_DISK]["image"], before=power)
        return _as_before()
    if task == "unrescuing":
        return _again(UNRESCUE, before="running")
    if task in _SHELVING and image:
        return _again(SHELVE, image=image, before=power, uploading="shelving_image_uploading")
    if task == "shelving_offloading":
        return _again(OFFLOAD)
    if task == "unshelving" and image:
        return _again(UNSHELVE, image=image)
    return _error()


def _unchanged(tx: Tx, server: Server) -> None:
    abandon(tx, server.id)
    made = {"instance_uuid": server.id, "image_location": "snapshot"}
    for image in images.unfinished(tx, made):
        images.forget(tx, image.id)
    row = server.host and desired.find(tx, server.host, GUEST, server.id)
    if row and row.spec is not None and server.vm_state in GUEST_POWER:
        power = GUEST_POWER[server.vm_state]
        desired.put(tx, row.host, GUEST, server.id, {**row.spec, "power": power})
    tx.change(server, task_state=None, updated_at=tx.now)


def _failed(tx: Tx, server: Server) -> None:
    fail(tx, server, f"{_LOST} It was {server.vm_state}, {server.task_state}.")


def mend(server_id: str, tx: Tx) -> None:
    """Start the flow that the server's state needs, or end its change."""
    server = tx.get(Server, server_id)
    if server is None or server.deleted_at is not None:
        return
    if tx.exists(FlowRow, subject=server_id):
        return
    way, request_id = way_of(tx, server), _request(tx, server_id)
    if way.end is not None:
        way.end(tx, server)
        instance_action.finish(tx, server, request_id, _LOST)
    if way.flow is not None:
        if way.flow in (DELETE, DELETE_SHELVED):
            still_there(tx, server_id)
        row = flow.start(tx, way.flow, server_id, request_id, **way.args)
        if way.step:
            tx.change(row, step=way.step)


def _request(tx: Tx, server_id: str) -> str:
    """The request whose action has not ended; "" when every one has."""
    newest = InstanceAction.start_time.desc()
    for row in tx.all(InstanceAction, server_id=server_id, order=[newest]):
        if any("finish" not in event for event in row.events):
            return row.request_id
    return ""
