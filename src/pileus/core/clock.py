"""Time, injected: the only place that reads the machine's clock."""

import threading
import time
from datetime import datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1)
_JUMP = 5.0  # seconds; clocks that are kept right are moved by less
_HELD = 10.0


class Clock(Protocol):
    """Where code takes the time from. Datetimes are naive and in UTC, as in the database."""

    def now(self) -> datetime:
        """The time of day, to the microsecond."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def jump(self) -> float:
        """The seconds by which the time of day has jumped, which `now` does not say yet."""
        ...

    def adopt(self) -> None:
        """From now on `now` says them."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set or `seconds` have passed; true when it was set."""
        ...


class RealClock:
    """The machine's clock; a jump is held back until somebody has seen to it (`adopt`).

    Small steps, as those that keep it right, are followed at once. A jump that nobody adopts is
    followed after ten seconds.
    """

    def __init__(self) -> None:
        self._offset = self._ahead()
        self._noticed = 0.0  # when a jump that is held back was first seen

    def now(self) -> datetime:
        """The time of day."""
        ahead = self._ahead()
        if abs(ahead - self._offset) < _JUMP:
            self._offset, self._noticed = ahead, 0.0
        elif not self._noticed:
            self._noticed = time.monotonic()
        elif time.monotonic() - self._noticed > _HELD:
            self.adopt()
        return _EPOCH + timedelta(seconds=self._offset + time.monotonic())

    def jump(self) -> float:
        """The seconds by which the time of day has jumped and which `now` holds back."""
        by = self._ahead() - self._offset
        return by if abs(by) >= _JUMP else 0.0

    def adopt(self) -> None:
        """Follow the jump."""
        self._offset, self._noticed = self._ahead(), 0.0

    def _ahead(self) -> float:
        """How far the time of day is ahead of the clock that never jumps."""
        return self.time_of_day() - time.monotonic()

    def time_of_day(self) -> float:
        """Seconds since 1970, as the machine says now."""
        return time.time()

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

    def jump(self) -> float:
        """It never jumps."""
        return 0.0

    def adopt(self) -> None:
        """There is nothing to follow."""

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
