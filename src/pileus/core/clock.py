"""Time, injected: the only place that reads the machine's clock."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where code takes the time from. Datetimes are naive and in UTC, as in the database."""

    def now(self) -> datetime:
        """The time of day, to the microsecond."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set or `seconds` have passed; true when it was set."""
        ...


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC).replace(tzinfo=None)

    def monotonic(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event or the time."""
        return event.wait(seconds)


class ManualClock:
    """A clock that stands still until it is told to move, for tests and simulation."""

    def __init__(self, start: datetime = datetime(2030, 1, 1)) -> None:
        self._now = start
        self._passed = 0.0

    def now(self) -> datetime:
        """The time that was set."""
        return self._now

    def monotonic(self) -> float:
        """Seconds moved so far."""
        return self._passed

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Move on by `seconds` unless the event is set already."""
        if not event.is_set():
            self.advance(seconds)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._now += timedelta(seconds=seconds)
        self._passed += seconds
