"""What was refused at the agent port lately, for `pileus doctor`."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.clock import Clock

_KEPT = 100
_LATELY = timedelta(hours=1)


@dataclass(frozen=True)
class Incident:
    """One who was refused, or a report that was."""

    at: datetime
    who: str
    reason: str


class Refusals:
    """The last incidents of this process. Methods may be called by any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: deque[Incident] = deque(maxlen=_KEPT)

    def note(self, who: str, reason: str) -> None:
        """Remember one."""
        with self._lock:
            self._last.append(Incident(self._clock.now(), who[:255], reason[:500]))

    def recent(self) -> Sequence[Incident]:
        """Those of the last hour, the newest first."""
        since = self._clock.now() - _LATELY
        with self._lock:
            return [one for one in reversed(self._last) if one.at >= since]
