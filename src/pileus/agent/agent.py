"""The agent inside the control plane's process: threads around what a host has to do."""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ..core.clock import Clock
from ..core.desired import Report
from ..core.errors import NoWrites
from .channel import Channel
from .duty import AGAIN, Duty, Handler

log = logging.getLogger(__name__)
_WATCH = 10.0


class Agent:
    """One host's agent. It never touches the database.

    Nothing would start one of its threads again. So whatever the channel, a driver or a bug of ours
    raises is logged, and the thread goes on: hence `except Exception`.
    """

    def __init__(
        self,
        channel: Channel,
        handlers: Mapping[str, Handler],
        clock: Clock,
        workers: int = 4,
        resync: float = 30.0,
    ) -> None:
        self._channel, self._clock = channel, clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="agent")
        self._resync = resync
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._duty = Duty(handlers, self._pool, self._reports.put, self._later)

    def start(self) -> None:
        """Start watching, reporting and looking again."""
        for target in (self._watch, self._report, self._look):
            thread = threading.Thread(target=target, name=f"agent {target.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop after the present work; guests are left as they are."""
        self._stop.set()
        self._duty.stop()
        self._channel.hang_up()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reports.put(None)
        for thread in self._threads:
            thread.join(_WATCH + 5)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        timer.start()

    def _watch(self) -> None:
        seen = 0
        while not self._stop.is_set():
            try:
                for wanted in self._channel.watch(seen, _WATCH):
                    seen = max(seen, wanted.revision)
                    self._duty.take(wanted)
            except NoWrites:
                self._stop.wait(AGAIN)
            except Exception:
                log.exception("the control plane cannot be reached; trying again")
                self._stop.wait(AGAIN)

    def _report(self) -> None:
        while (first := self._reports.get()) is not None:
            batch = [first]
            while not self._reports.empty() and len(batch) < 100:
                item = self._reports.get()
                if item is None:
                    self._reports.put(None)
                    break
                batch.append(item)
            self._send(batch)

    def _send(self, batch: list[Report]) -> None:
        while True:
            try:
                return self._channel.report(batch)
            except NoWrites:
                if self._stop.wait(AGAIN):
                    return None
            except Exception:
                log.exception("reports cannot be delivered; trying again")
                if self._stop.wait(AGAIN):
                    return None

    def _look(self) -> None:
        while not self._stop.wait(self._resync):
            try:
                self._duty.look()
            except Exception:
                log.exception("this host could not be looked at; trying again later")
