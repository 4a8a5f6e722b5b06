"""The server: its row, how it is found, and what its states are called."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from ..core import flow
from ..core.errors import Conflict, Forbidden, NotFound
from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Bool, Int, Ip, Json, Text, Uuid, When
from ..wire.context import Context
from .rules import rule

NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED = 0, 1, 3, 4, 6
POWER = {
    "running": RUNNING,
    "paused": PAUSED,
    "shutoff": SHUTDOWN,
    "crashed": CRASHED,
    "suspended": SHUTDOWN,
    "absent": NOSTATE,
}
# How a guest is powered whose server has this state.
GUEST_POWER = {
    "active": "running",
    "stopped": "shutoff",
    "paused": "paused",
    "suspended": "suspended",
    "error": "running",
}
_STATUS = {
    "active": "ACTIVE",
    "building": "BUILD",
    "stopped": "SHUTOFF",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
    "resized": "VERIFY_RESIZE",
    "rescued": "RESCUE",
    "shelved": "SHELVED",
    "shelved_offloaded": "SHELVED_OFFLOADED",
    "error": "ERROR",
    "deleted": "DELETED",
}
# What a server is called while something is done to it.
_BUSY_STATUS = {
    "rebooting": "REBOOT",
    "rebooting_hard": "HARD_REBOOT",
    "resize_prep": "RESIZE",
    "resize_migrating": "RESIZE",
    "migrating": "MIGRATING",
    "rebuilding": "REBUILD",
    "resize_reverting": "REVERT_RESIZE",
}
# Only an active server is called so; the others are called so whatever their state.
_ACTIVE_ONLY = ("rebooting",)


class Server(Resource):
    """One server. A deleted one stays a while, with `deleted_at`, for those who ask for changes."""

    one, many = "server", "servers"
    constraints = (
        # Quota's sums are read from this index alone.
        sa.Index("ix_servers_usage", "project_id", "deleted_at", "vcpus", "memory_mb"),
        sa.Index("ix_servers_created", "created_at", "id"),
        # A page of a project's servers is read from it in order: sorting would read them all.
        sa.Index("ix_servers_listed", "project_id", "deleted_at", "created_at", "id"),
    )

    id = attr(Uuid(), key=True, default=new_uuid, sort=True, wire="uuid")
    name = attr(Text(255), sort=True, wire="display_name")
    description = attr(Text(255), null=True, sort=True, wire="display_description")
    project_id = attr(Text(64), sort=True)
    user_id = attr(Text(64), sort=True)
    vm_state = attr(Text(32), default="building", sort=True)
    task_state = attr(Text(32), null=True, sort=True)
    power_state = attr(Int(), default=NOSTATE, sort=True)
    host = attr(Text(255), null=True, index=True, sort=True)
    zone = attr(Text(255), default="", wire="availability_zone", sort=True)  # what was asked for
    hostname = attr(Text(255), sort=True)
    image_id = attr(Text(64), null=True, sort=True, wire="image_ref")
    image_properties = attr(Json(), default=dict)
    image_min_ram = attr(Int(), null=True)
    flavor_id = attr(Text(255), sort=True, wire="instance_type_id")
    flavor = attr(Json())  # the flavor as it was at creation: later changes do not reach a server
    vcpus = attr(Int())
    memory_mb = attr(Int())
    disks = attr(Json(), default=list)
    key_name = attr(Text(255), null=True, sort=True)
    key_data = attr(Text(65535), null=True)
    key_type = attr(Text(8), default="ssh")
    user_data = attr(Text(65535), null=True)
    admin_pass = attr(Text(4096), null=True)  # sealed
    config_drive = attr(Bool(), default=False, sort=True)
    disk_config = attr(Text(8), default="MANUAL")
    meta = attr(Json(), default=dict)
    access_ip_v4 = attr(Ip(), null=True, sort=True)
    access_ip_v6 = attr(Ip(), null=True, sort=True)
    reservation_id = attr(Text(32))
    launch_index = attr(Int(), default=0, sort=True)
    locked_by = attr(Text(8), null=True)  # "owner" or "admin"
    locked_reason = attr(Text(255), null=True)
    fault = attr(Json(), null=True)
    hints = attr(Json(), default=dict)
    group_id = attr(Uuid(), null=True, index=True)
    generation = attr(Int(), default=0)  # grows with every host that the server is put on
    reboots = attr(Int(), default=0)
    shelved_image = attr(Uuid(), null=True)  # what its root disk is kept in while it is shelved
    builds = attr(Int(), default=0)  # grows with every rebuild
    # The newest build that was asked for in vain: its host may have made it, and is not to be
    # asked for another one by the same number.
    builds_lost = attr(Int(), null=True)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)
    launched_at = attr(When(), null=True, sort=True)
    deleted_at = attr(When(), null=True)

    @property
    def status(self) -> str:
        """The status that users see."""
        if self.task_state in _BUSY_STATUS and (
            self.vm_state == "active" or self.task_state not in _ACTIVE_ONLY
        ):
            return _BUSY_STATUS[self.task_state]
        return _STATUS[self.vm_state]

    @property
    def next_build(self) -> int:
        """The number of a build that no host has been asked for."""
        return max(self.builds, self.builds_lost or 0) + 1

    @property
    def instance_name(self) -> str:
        """The name of its domain at the hypervisor."""
        return "instance-" + self.id.replace("-", "")[:16]

    @property
    def target(self) -> dict[str, Any]:
        """What policy rules compare the caller with."""
        return {
            "project_id": self.project_id,
            "tenant_id": self.project_id,
            "user_id": self.user_id,
        }


class ServerTag(Resource):
    """A tag on a server."""

    one, many = "server_tag", "server_tags"

    server_id = attr(Uuid(), key=True, references="servers.id")
    tag = attr(Text(60, 1), key=True)


def live() -> "sa.ColumnElement[bool]":
    """The condition that a server is not deleted."""
    return Server.deleted_at.is_(None)


def states(status: str) -> "sa.ColumnElement[bool] | None":
    """The condition for a user-visible status; None for a word that is none."""
    tasks = [task for task, name in _BUSY_STATUS.items() if name == status]
    if tasks:
        return Server.task_state.in_(tasks)
    for vm_state, name in _STATUS.items():
        if name == status:
            idle = Server.task_state.is_(None) | Server.task_state.not_in(list(_BUSY_STATUS))
            return (Server.vm_state == vm_state) & idle
    return None


def missing(server_id: str) -> NotFound:
    """The 404 of a server."""
    return NotFound(f"Instance {server_id[:255]} could not be found.")


def find(ctx: Context, name: str) -> Server:
    """The server of the path, if policy rule `name` lets the caller do this to it.

    Raises NotFound for what is absent or another project's, Forbidden for one's own.
    """
    server_id = ctx.params["server_id"]
    server = ctx.tx.get(Server, server_id)
    if server is None or server.deleted_at is not None:
        raise missing(server_id)
    if not ctx.allows(rule(name), server.target):
        if server.project_id != ctx.who.project_id:
            raise missing(server_id)
        raise Forbidden(f"Policy doesn't allow {rule(name)} to be performed.")
    return server


def unlocked(ctx: Context, server: Server) -> None:
    """Raises Conflict when the server is locked and the caller may not override that."""
    override = rule("os-lock-server:unlock:unlock_override")
    if server.locked_by and not ctx.allows(override, server.target):
        raise Conflict(f"Instance {server.id} is locked")


def idle(ctx: Context, server: Server, verb: str) -> None:
    """Raises Conflict while a flow changes the server, or waits for a host that it was on."""
    if flow.find(ctx.tx, server.id) is not None:
        raise Conflict(f"Cannot '{verb}' instance {server.id} while another change is under way")


def hosted(server: Server) -> str:
    """The host that the server is on. Raises Conflict while it is on none."""
    if server.host is None:
        raise Conflict(f"Instance {server.id} is not ready: it is on no host.")
    return server.host


def ready(
    server: Server,
    verb: str,
    vm_states: Collection[str],
    task_states: Collection[str | None] = (None,),
) -> None:
    """Raises Conflict unless the server is in one of these states."""
    for kind, value, right in (
        ("vm_state", server.vm_state, vm_states),
        ("task_state", server.task_state, task_states),
    ):
        if value not in right:
            raise Conflict(f"Cannot '{verb}' instance {server.id} while it is in {kind} {value}")
