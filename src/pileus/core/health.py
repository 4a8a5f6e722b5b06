"""Whether the database takes writes: said once when it stops, and once when it does again.

On a full disk a small write may come about between two that fail: so it counts as mended only after
some seconds without a failure.
"""

import logging
import threading
import time

log = logging.getLogger(__name__)
_QUIET = 3.0  # seconds


class Health:
    """What is wrong with a database at present; "" when nothing is known to be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed = 0.0
        self.ailment = ""

    def ill(self, ailment: str, said: str) -> None:
        """A transaction failed for this."""
        with self._lock:
            news, self.ailment = self.ailment != ailment, ailment
            self._failed = time.monotonic()
        if news:
            log.error(
                "the database does not take writes: %s (%s); requests are answered 503 and go on"
                " by themselves once that is mended: `pileus doctor`",
                ailment,
                said,
            )

    def well(self) -> None:
        """A transaction that wrote has come about."""
        if not self.ailment or time.monotonic() - self._failed < _QUIET:
            return
        with self._lock:
            news, self.ailment = self.ailment, ""
        if news:
            log.info("the database takes writes again; it was: %s", news)
