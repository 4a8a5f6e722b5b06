"""Loops: compare what should be with what is, and mend the difference. They take no input."""

import contextlib
import logging
import threading
from collections.abc import Callable

from . import lease
from .clock import Clock
from .db import Database
from .errors import NoWrites

log = logging.getLogger(__name__)


class Loop:
    """Runs `work` every `period` seconds and at once when nudged, while it holds its lease.

    A loop with no `lease` runs in every process. An exception is logged and the next round tries
    again: a loop never dies.
    """

    def __init__(
        self,
        name: str,
        period: float,
        work: Callable[[], None],
        db: Database | None = None,
        owner: str = "",
        led: Callable[[], None] | None = None,
    ) -> None:
        """led: called before the first round after another owner may have had the lease."""
        self.name, self.period, self.work = name, period, work
        self._db, self._owner = db, owner
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clock: Clock | None = None
        self._leased_until = 0.0
        self._led, self._term = led, 0

    def nudge(self) -> None:
        """Run soon: something has changed."""
        self._wake.set()

    def start(self, clock: Clock) -> None:
        """Start the loop's thread."""
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name=f"loop {self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present round and give the lease back."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(10)
        if self._db is not None and self._leased_until:
            with contextlib.suppress(NoWrites):
                lease.release(self._db, self.name, self._owner)

    def once(self) -> bool:
        """One round; false when another process holds the lease."""
        if self._db is not None and not self._lead(self._db):
            return False
        self.work()
        return True

    def _lead(self, db: Database) -> bool:
        clock = db.clock.monotonic()
        if clock < self._leased_until:
            return True
        seconds = max(15.0, self.period * 3)
        term = lease.take(db, self.name, self._owner, seconds)
        if term is None:
            self._leased_until = 0.0
            return False
        if term != self._term and self._led is not None:
            self._led()
        self._term = term
        self._leased_until = clock + seconds / 3
        return True

    def _run(self) -> None:
        assert self._clock is not None  # noqa: S101
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.once()
            except NoWrites:
                self._stop.wait(1)  # the database has said so; the next round tries again
            except Exception:
                log.exception("loop %s: this round failed, the next one tries again", self.name)
                self._stop.wait(1)
            self._clock.wait(self._wake, self.period)
