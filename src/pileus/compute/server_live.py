"""Live migration: a server goes on at another host; aborting that. A flow does the rest."""

from typing import Any

from ..core import flow
from ..core.errors import BadRequest, NotFound
from ..core.types import AnyOf, Bool, Enum, Field, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action
from .flows.live import ABORTING, LIVE
from .host import host_id
from .migration import Migration, close
from .numa.wanted import wanted
from .pci.provider import addresses
from .server import Server, find, hosted, idle, ready, unlocked
from .server_migrate import moving, target

_BODY = Object(
    {
        "host": Field(Text(255, 1), null=True, required=True),
        "block_migration": Field(AnyOf(Enum("auto"), Bool(strings=True)), required=True),
        "disk_over_commit": Field(Bool(strings=True), until=(2, 24)),
        "force": Field(Bool(strings=True), since=(2, 30), until=(2, 67)),
    }
)
_ABORTABLE = ("preparing", "running")


def live_migrate(ctx: Context) -> object:
    """Move a server without stopping it. 400 when no host can take it, or it is one that cannot."""
    body = _BODY.parse(ctx.inner("os-migrateLive"), ctx.where.at("os-migrateLive"))
    server = find(ctx, "os-migrate-server:migrate_live")
    unlocked(ctx, server)
    ready(server, "os-migrateLive", ("active", "paused"))
    idle(ctx, server, "os-migrateLive")
    hosted(server)
    _check(ctx, server, body)
    _movable(server)
    _owns(ctx, server)
    name = body.get("host") or ""
    if name:
        target(ctx, server, name)
    migration = moving(ctx, server, server.flavor, server.disks, "live-migration", name)
    close(ctx.tx, migration, "preparing")
    instance_action.begin(ctx, server, "live-migration", "compute_live_migration")
    ctx.tx.change(server, task_state="migrating", updated_at=ctx.tx.now)
    flow.start(ctx.tx, LIVE, server.id, ctx.request_id, migration=migration.uuid)
    return Response(202)


def _check(ctx: Context, server: Server, body: dict[str, Any]) -> None:
    if body["block_migration"] is False:
        raise BadRequest(
            f"Host {server.host} has no storage that other hosts share: block_migration must be"
            " true or auto."
        )


def _movable(server: Server) -> None:
    """A guest that runs cannot be given other processors and memory of the other host."""
    if wanted(server.flavor, server.image_properties) is not None:
        raise BadRequest(
            f"Instance {server.id} has NUMA cells of host {server.host} to itself, and cannot go on"
            " elsewhere while it runs: `migrate` moves it while it is off."
        )


def _owns(ctx: Context, server: Server) -> None:
    """A device that is a guest's own cannot leave its host."""
    found = addresses(ctx.tx, server.id, host_id(hosted(server)))
    if found:
        raise BadRequest(
            f"Instance {server.id} has {', '.join(found)} of host {server.host} to itself, and"
            " cannot go on elsewhere while it runs: `migrate` moves it while it is off."
        )


def abort(ctx: Context) -> object:
    """Stop a live migration that has not come to its end. 400 when it is past that."""
    server = find(ctx, "servers:migrations:delete")
    unlocked(ctx, server)
    asked = ctx.params["migration_id"]
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 18 else -1
    row = ctx.tx.one(Migration, server_id=server.id, id=number, migration_type="live-migration")
    if row is None:
        raise NotFound(f"Migration {asked[:80]} not found for server {server.id}.")
    if row.status not in _ABORTABLE:
        raise BadRequest(
            f"Migration {row.id} state of instance {server.id} is {row.status}. Cannot"
            f" live_migration_abort while the migration is in this state."
        )
    close(ctx.tx, row, ABORTING)
    instance_action.begin(ctx, server, "live_migration_cancel")
    flow.wake(ctx.tx, server.id)
    return Response(202)


_ACTION = "/v2.1/servers/{server_id}/action"
ROUTES = (
    Route("POST", _ACTION, live_migrate, action="os-migrateLive"),
    Route(
        "DELETE",
        "/v2.1/servers/{server_id}/migrations/{migration_id}",
        abort,
        since=(2, 24),
    ),
)
