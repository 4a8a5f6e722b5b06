"""What one host has to do: act on the newest wish for each object, and report what came of it."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, Protocol

from ..core.backend import Broken, Busy
from ..core.desired import Report, Wanted

log = logging.getLogger(__name__)
AGAIN = 1.0  # seconds before something is tried again
_TRIES = 30  # a broken back end is mended by its host within seconds, if it can be

Key = tuple[str, str]  # kind and id


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

    def leftovers(self) -> Iterable[str]:
        """The ids of objects of which something takes room on this host, there or not."""
        ...


class Duty:
    """The work of one host. It has no thread of its own, so that one process can hold many."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        pool: Executor,
        report: Callable[[Report], None],
        later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        """report: called by the pool's threads. later: calls after so many seconds."""
        self._handlers, self._pool = handlers, pool
        self._report, self._later = report, later
        self._lock = threading.Lock()
        self._newest: dict[Key, Wanted] = {}
        self._working: set[Key] = set()
        self._tries: dict[Key, int] = {}
        self._stopped = False
        self._removed: set[Key] = set()  # since the last look began

    def stop(self) -> None:
        """Begin nothing new."""
        with self._lock:
            self._stopped = True

    def take(self, wanted: Wanted) -> None:
        """Act on this wish as soon as a thread is free."""
        key = (wanted.kind, wanted.id)
        with self._lock:
            self._newest[key] = wanted
            if key in self._working or self._stopped:
                return
            self._working.add(key)
            self._pool.submit(self._work, key)

    def forget(self) -> None:
        """Wishes known so far may have been taken back: only those that come from now on count."""
        with self._lock:
            self._newest = {k: w for k, w in self._newest.items() if k in self._working}

    def _again(self, key: Key) -> None:
        with self._lock:
            if not self._stopped:
                self._pool.submit(self._work, key)

    def _work(self, key: Key) -> None:
        """Act on the newest wish for this object until there is no newer one."""
        done: Wanted | None = None
        while True:
            with self._lock:
                wanted = self._newest[key]
                if wanted is done:
                    self._working.discard(key)
                    if wanted.spec is None:
                        del self._newest[key]
                        self._removed.add(key)
                    return
                tries = self._tries[key] = self._tries.get(key, 0) + 1
            report = self._act(wanted, last=tries >= _TRIES)
            if report is None:
                self._later(AGAIN, lambda: self._again(key))
                return
            with self._lock:
                self._tries.pop(key, None)
            self._report(report)
            done = wanted

    def _act(self, wanted: Wanted, last: bool) -> Report | None:
        """What came of it; None when it should be tried again, as what is broken may be mended."""
        try:
            handler = self._handlers[wanted.kind]
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

    def look(self) -> dict[str, list[str]]:
        """Report every object that is not being worked on as it is now (drift included).

        Returns by kind the ids of what is here and was never wished for. It is left alone.
        """
        strays = {}
        with self._lock:
            self._removed.clear()
        for kind, handler in self._handlers.items():
            known = self._known(kind)
            before = self._idle(kind)
            found = handler.observe()
            after = self._idle(kind)
            left = {*found, *handler.leftovers()}
            strays[kind] = sorted(left - known - self._known(kind))
            # What was worked on while the handler looked may not be as it was seen.
            for key, wanted in before.items():
                if after.get(key) is wanted:
                    state = found.get(key, {"power": "absent"})
                    self._report(Report(kind, key, wanted.revision, state))
        return strays

    def _known(self, kind: str) -> set[str]:
        with self._lock:
            return {id for k, id in (*self._newest, *self._removed) if k == kind}

    def _idle(self, kind: str) -> dict[str, Wanted]:
        with self._lock:
            return {
                wanted.id: wanted
                for (k, _), wanted in self._newest.items()
                if k == kind and (k, wanted.id) not in self._working and wanted.spec is not None
            }
