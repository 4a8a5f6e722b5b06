"""What becomes of rows with times in them when the machine's clock jumps.

Waiting is measured by a clock that never jumps; times of day in rows are compared with the one that
may. After a jump backwards flows would sleep, and leases hold, for as long as it was; after one
forwards leases would be lost and hosts look silent. So the clock holds a jump back until the rows
have been moved with it, which is within a second.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from .census import Process
from .db import Database, Tx
from .flow import FlowRow
from .lease import Lease
from .loop import Loop

log = logging.getLogger(__name__)
_PERIOD = 1.0
_LEASE = timedelta(minutes=1)  # leases are renewed well within it
_RECENT = timedelta(minutes=1)


class ClockWatch:
    """One process's eye on its clock. `jumped` is when it last jumped and by how many seconds."""

    def __init__(self, db: Database, move: Callable[[Tx, timedelta], object]) -> None:
        """move: moves what services have written of the present by so much."""
        self._db, self._move = db, move
        self._waiting = 0.0  # a jump whose rows could not be moved yet
        self.jumped: tuple[datetime, float] | None = None

    def loop(self) -> Loop:
        """The loop that every process runs."""
        return Loop("clock", _PERIOD, self.look)

    def look(self) -> None:
        """See whether the clock has jumped."""
        by = self._db.clock.jump()
        if by and not self._waiting:
            self._waiting = by
            log.error(
                "the clock jumped %s by %.0f s; see that it is kept by NTP: `pileus doctor`",
                "forwards" if by > 0 else "backwards",
                abs(by),
            )
        if self._waiting:
            moved = timedelta(seconds=by)  # nothing when it was adopted, or set right, meanwhile
            self._db.run(lambda tx: self._rows(tx, moved))
            self._db.clock.adopt()
            self.jumped, self._waiting = (self._db.clock.now(), self._waiting), 0.0

    def _rows(self, tx: Tx, by: timedelta) -> None:
        """What holds or sleeps now does so for no longer than usual after the jump."""
        then = tx.now + by
        tx.set(FlowRow, FlowRow.wake_at > tx.now, wake_at=then)
        tx.set(FlowRow, since=then)  # the jump was no waiting
        tx.set(FlowRow, FlowRow.lease_until > tx.now, lease_until=then + _LEASE)
        tx.set(Lease, Lease.expires_at > tx.now, expires_at=then + _LEASE)
        tx.set(Process, Process.seen_at > tx.now - _RECENT, seen_at=then)
        self._move(tx, by)
