"""Which processes of the cloud are alive, and what becomes of the leases of one that died.

Each process changes its own row every two seconds. Whoever sees a row stand still for six, by its
own clock, frees all that this process held; so clocks of different machines may differ.
"""

import logging
from functools import partial

import sqlalchemy as sa

from .db import Database, Tx
from .flow import FlowRow
from .lease import Lease, take
from .loop import Loop

log = logging.getLogger(__name__)
_BEAT, _PATIENCE = 2.0, 6.0
_ROW = "process "


class Presence:
    """One process's own row, and its eye on those of the others."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seen: dict[str, tuple[object, float]] = {}

    def loop(self) -> Loop:
        """The loop that every process runs."""
        return Loop("presence", _BEAT, self.work)

    def work(self) -> None:
        """Say that this process is there, and free what the dead ones held."""
        take(self._db, _ROW + self._db.owner, self._db.owner, _PATIENCE)
        now = self._db.clock.monotonic()
        rows = self._db.read(lambda tx: tx.all(Lease, Lease.name.startswith(_ROW)))
        self._seen = {
            row.owner: (row.expires_at, now)
            if self._seen.get(row.owner, (None, 0.0))[0] != row.expires_at
            else self._seen[row.owner]
            for row in rows
        }
        for owner, (stood, since) in self._seen.items():
            if owner != self._db.owner and now - since > _PATIENCE:
                freed = self._db.run(partial(_bury, owner=owner, stood=stood))
                if freed:
                    log.warning("process %s is gone: %s flows of it go on here", owner, freed - 1)

    def begin(self) -> None:
        """At the start: what an earlier process of this state directory held is free."""
        self._db.run(lambda tx: free(tx, self._db.owner))

    def leave(self) -> None:
        """At the end: nobody need wait to see that this process is gone."""
        self._db.run(lambda tx: free(tx, self._db.owner))


def free(tx: Tx, owner: str) -> int:
    """Free every lease and flow of this owner; how many flows it was."""
    tx.remove_where(Lease, name=_ROW + owner)
    tx.set(Lease, Lease.owner == owner, Lease.expires_at > tx.now, expires_at=tx.now)
    held = FlowRow.lease_until.is_not(None)
    return tx.set(FlowRow, FlowRow.owner == owner, held, lease_until=None, owner=None)


def _bury(tx: Tx, owner: str, stood: object) -> int:
    """Free a dead process's things, unless it has moved; the flows freed and one, or 0."""
    row = tx.get(Lease, _ROW + owner)
    if row is None or row.expires_at != stood:
        return 0
    # Compared in the database too: the process may move at this moment.
    still = sa.delete(Lease.table).where(Lease.name == row.name, Lease.expires_at == stood)
    return free(tx, owner) + 1 if tx.execute(still).rowcount else 0  # type: ignore[attr-defined]
