"""Loops of the compute service: the host's heartbeat, and the end of deleted rows."""

from datetime import timedelta

import sqlalchemy as sa

from ..core.db import Database, Tx
from ..core.loop import Loop
from ..core.parts import Parts
from .host import host_report
from .instance_action import InstanceAction
from .migration import Migration
from .numa.pinning import Pinning
from .server import Server

_HEARTBEAT, _SWEEP = 15.0, 3600.0
_KEEP = timedelta(days=7)


def loops(parts: Parts) -> list[Loop]:
    """The loops of one process."""
    db = parts[Database]
    return [
        Loop("compute.host", _HEARTBEAT, lambda: host_report(parts)),
        Loop("compute.sweep", _SWEEP, lambda: db.run(sweep), db, db.owner),
    ]


def sweep(tx: Tx) -> None:
    """Drop the rows of servers that were deleted a week ago, and their actions."""
    old = sa.select(Server.id).where(Server.deleted_at < tx.now - _KEEP)
    tx.remove_where(InstanceAction, InstanceAction.server_id.in_(old))
    tx.remove_where(Migration, Migration.server_id.in_(old))
    tx.remove_where(Pinning, Pinning.server_id.in_(old))
    tx.remove_where(Server, Server.deleted_at < tx.now - _KEEP)
