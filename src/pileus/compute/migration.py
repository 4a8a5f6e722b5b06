"""Migrations: a server on its way from one flavor or host to another, and what it holds meanwhile.

Until a resize is confirmed or reverted the server holds both of what it was and of what it becomes:
on two hosts each its own share; on one host the larger amount of every resource class, which is
enough for either, so that reverting never fails for want of room and nothing is held twice. All of
it is held by the server itself. Quota counts the larger flavor.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from .. import placement
from ..core.db import Tx
from ..core.policy import Credentials
from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Int, Json, Text, Uuid, When
from .demand import takes
from .host import host_id
from .server import Server

# While a migration has one of these states its server holds both sides of it.
OPEN = (
    "migrating",
    "finished",
    "confirming",
    "reverting",
    # of a live migration
    "preparing",
    "running",
    "cancelling",
    "post-migrating",
)


class Migration(Resource):
    """One server's move to another flavor or host."""

    one, many = "migration", "migrations"
    constraints = (sa.Index("ix_migrations_server", "server_id", "status"),)

    uuid = attr(Uuid(), key=True, default=new_uuid)
    id = attr(Int(), index=True)  # the number by which the API names it
    server_id = attr(Uuid())
    migration_type = attr(Text(32))  # "resize", "migration", "live-migration", "evacuation"
    status = attr(Text(32), default="migrating")
    source_host = attr(Text(255))
    dest_host = attr(Text(255))
    old_flavor = attr(Json())
    new_flavor = attr(Json())
    old_disks = attr(Json())
    new_disks = attr(Json())
    old_vm_state = attr(Text(32))
    user_id = attr(Text(64))
    project_id = attr(Text(64))
    created_at = attr(When(), default=now)
    updated_at = attr(When(), default=now)


def planned(
    tx: Tx,
    who: Credentials,
    server: Server,
    kind: str,
    host: str,
    flavor: dict[str, Any],
    disks: list[dict[str, Any]],
) -> Migration:
    """What becomes of the server on this host by this caller's wish; nothing is written yet."""
    return Migration(
        id=_next_number(tx),
        server_id=server.id,
        migration_type=kind,
        source_host=server.host,
        dest_host=host,
        old_flavor=server.flavor,
        new_flavor=flavor,
        old_disks=server.disks,
        new_disks=disks,
        old_vm_state=server.vm_state,
        user_id=who.user_id,
        project_id=who.project_id,
    )


def end_stale(tx: Tx, server_id: str) -> None:
    """Close a migration in the middle of which an admin has reset the server's state."""
    stale = open_of(tx, server_id)
    if stale is not None:
        close(tx, stale, "error")


def _next_number(tx: Tx) -> int:
    return int(tx.execute(_newest()).scalar() or 0) + 1


@cache
def _newest() -> "sa.Select[Any]":
    return sa.select(sa.func.max(Migration.table.c.id))


def open_of(tx: Tx, server_id: str) -> Migration | None:
    """The server's migration that is neither confirmed nor reverted nor failed, if any."""
    return tx.one(Migration, server_id=server_id, status=OPEN)


def open_ones(tx: Tx) -> dict[str, Migration]:
    """Every server's open migration, by the server's id."""
    return {row.server_id: row for row in tx.all(Migration, status=OPEN)}


def leaves_behind(migration: Migration | None, host: str, spec: Mapping[str, Any] | None) -> bool:
    """Whether this is what the source keeps of a guest until its move is confirmed."""
    kept = spec is not None and bool(spec.get("offer"))
    return migration is not None and host == migration.source_host and kept


def close(tx: Tx, migration: Migration, status: str) -> None:
    """Say how a migration has gone on."""
    tx.change(migration, status=status, updated_at=tx.now)


def shares(server: Server, migration: Migration | None) -> dict[str, dict[str, int]]:
    """What the server should hold of its hosts' trees: {root: {resource class: amount}}."""
    root_gb, image = server.disks[0]["size_gb"], server.image_properties
    if migration is None:
        if server.host is None:
            return {}
        return {host_id(server.host): takes(server.flavor, root_gb, image)}
    found: dict[str, dict[str, int]] = {}
    for host, flavor, disks in (
        (migration.source_host, migration.old_flavor, migration.old_disks),
        (migration.dest_host, migration.new_flavor, migration.new_disks),
    ):
        held = found.setdefault(host_id(host), {})
        for name, amount in takes(flavor, disks[0]["size_gb"], image).items():
            held[name] = max(amount, held.get(name, 0))
    return found


def counted(server: Server, migration: Migration | None) -> dict[str, int]:
    """The columns that quota is counted from: the larger flavor's while there are two."""
    each: list[Mapping[str, Any]] = [server.flavor]
    if migration is not None:
        each = [migration.old_flavor, migration.new_flavor]
    return {
        "vcpus": max(flavor["vcpus"] for flavor in each),
        "memory_mb": max(flavor["ram"] for flavor in each),
    }


def settle(tx: Tx, server: Server, migration: Migration, status: str) -> None:
    """The migration is over: the server holds and counts as what it now is."""
    close(tx, migration, status)
    tx.change(server, **counted(server, None))
    if server.host is not None:
        key = host_id(server.host)
        wanted = shares(server, None)[key]
        placement.claim(tx, server.id, server.project_id, server.user_id, key, wanted)
