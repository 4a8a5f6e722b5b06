"""Loops: compare what should be with what is, and mend the difference. They take no input."""

import logging
import threading
from collections.abc import Callable

from . import lease
from .clock import Clock
from .db import Database

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
    ) -> None:
        self.name, self.period, self.work = name, period, work
        self._db, self._owner = db, owner
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clock: Clock | None = None
        self._leased_until = 0.0

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
        held = lease.take(db, self.name, self._owner, seconds) is not None
        self._leased_until = clock + seconds / 3 if held else 0.0
        return held

    def _run(self) -> None:
        assert self._clock is not None  # noqa: S101
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.once()
            except Exception:
                log.exception("loop %s: this round failed, the next one tries again", self.name)
                self._stop.wait(1)
            self._clock.wait(self._wake, self.period)
