"""The agent: watch, act, report; and now and then look at everything again."""

import logging
import queue
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from ..core.backend import Broken, Busy
from ..core.clock import Clock
from ..core.desired import Report, Wanted
from .channel import Channel

log = logging.getLogger(__name__)
_WATCH = 10.0
_AGAIN = 1.0
_TRIES = 30  # a broken back end is mended by its host within seconds, if it can be


class Handler(Protocol):
    """Makes one kind of object real on this host. Calls for one object never overlap."""

    def apply(self, key: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make the object so, and return what it then is; may be called again with the same."""
        ...

    def remove(self, key: str) -> None:
        """Remove the object; an absent one is already removed."""
        ...

    def observe(self) -> Mapping[str, Mapping[str, Any]]:
        """What every object of this kind on this host is now."""
        ...


class Agent:
    """One host's agent. It never touches the database."""

    def __init__(
        self,
        channel: Channel,
        handlers: Mapping[str, Handler],
        clock: Clock,
        workers: int = 4,
        resync: float = 30.0,
    ) -> None:
        self._channel, self._handlers, self._clock = channel, handlers, clock
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="agent")
        self._resync = resync
        self._lock = threading.Lock()
        self._newest: dict[tuple[str, str], Wanted] = {}
        self._working: set[tuple[str, str]] = set()
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start watching, reporting and looking again."""
        for target in (self._watch, self._report, self._look):
            thread = threading.Thread(target=target, name=f"agent {target.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop after the present work; guests are left as they are."""
        self._stop.set()
        self._channel.hang_up()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reports.put(None)
        for thread in self._threads:
            thread.join(_WATCH + 5)

    def _watch(self) -> None:
        seen = 0
        while not self._stop.is_set():
            try:
                for wanted in self._channel.watch(seen, _WATCH):
                    seen = max(seen, wanted.revision)
                    self._take(wanted)
            except Exception:
                log.exception("the control plane cannot be reached; trying again")
                self._stop.wait(_AGAIN)

    def _take(self, wanted: Wanted) -> None:
        key = (wanted.kind, wanted.id)
        with self._lock:
            self._newest[key] = wanted
            if key in self._working or self._stop.is_set():
                return
            self._working.add(key)
            self._pool.submit(self._work, key)

    def _work(self, key: tuple[str, str]) -> None:
        """Act on the newest wish for this object until there is no newer one."""
        done: Wanted | None = None
        tries = 0
        while True:
            with self._lock:
                wanted = self._newest[key]
                if wanted is done:
                    self._working.discard(key)
                    if wanted.spec is None:
                        del self._newest[key]
                    return
            tries += 1
            report = self._act(wanted, last=tries >= _TRIES)
            if report is None:
                if self._stop.wait(_AGAIN):
                    return
                continue
            self._reports.put(report)
            done, tries = wanted, 0

    def _act(self, wanted: Wanted, last: bool) -> Report | None:
        """What came of it; None when it should be tried again, as what is broken may be mended."""
        handler = self._handlers[wanted.kind]
        try:
            if wanted.spec is None:
                handler.remove(wanted.id)
                return Report(wanted.kind, wanted.id, wanted.revision, None)
            state = handler.apply(wanted.id, wanted.spec)
            return Report(wanted.kind, wanted.id, wanted.revision, state)
        except Busy as busy:
            log.info("%s %s: %s; trying again", wanted.kind, wanted.id, busy)
            return None
        except Exception as problem:
            if isinstance(problem, Broken) and not last:
                log.warning("%s %s: %s; trying again", wanted.kind, wanted.id, problem)
                return None
            log.exception("%s %s could not be made so", wanted.kind, wanted.id)
            if wanted.spec is None:
                return None  # removing never gives up
            return Report(wanted.kind, wanted.id, wanted.revision, {"error": str(problem)})

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
            except Exception:
                log.exception("reports cannot be delivered; trying again")
                if self._stop.wait(_AGAIN):
                    return None

    def _look(self) -> None:
        while not self._stop.wait(self._resync):
            try:
                self.look()
            except Exception:
                log.exception("this host could not be looked at; trying again later")

    def look(self) -> None:
        """Report every object that is not being worked on as it is now (drift included)."""
        for kind, handler in self._handlers.items():
            found = handler.observe()
            with self._lock:
                idle = {
                    w.id: w
                    for (k, _), w in self._newest.items()
                    if k == kind and (k, w.id) not in self._working and w.spec is not None
                }
            for key, wanted in idle.items():
                state = found.get(key, {"power": "absent"})
                self._reports.put(Report(kind, key, wanted.revision, state))
