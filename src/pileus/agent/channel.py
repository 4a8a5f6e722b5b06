"""The agent's one connection to the control plane."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ..core import desired, flow
from ..core.db import Database, Tx
from ..core.desired import Desired, Report, Wanted

# What a service does, in the report's transaction, with a report on one of its objects.
Notice = Callable[[Tx, Desired, Report], None]


class Channel(Protocol):
    """What an agent may say and hear; losing it loses nothing."""

    def watch(self, revision: int, seconds: float) -> Sequence[Wanted]:
        """This host's objects that changed after `revision`; waits up to `seconds` for one."""
        ...

    def report(self, reports: Sequence[Report]) -> None:
        """Tell what was found."""
        ...

    def hang_up(self) -> None:
        """Let a `watch` that waits return at once, and every later one."""
        ...


class LocalChannel:
    """The channel inside a single process: the same calls, without a wire."""

    def __init__(self, db: Database, host: str, notices: Mapping[str, Notice]) -> None:
        self._db, self.host, self._notices = db, host, notices
        self._changed = threading.Event()
        self._closed = False
        self._reached: int | None = None  # only a signal can bring what is newer
        db.listen("desired", self._nudged)

    def _nudged(self, host: str) -> None:
        if host in (self.host, ""):
            self._changed.set()

    def watch(self, revision: int, seconds: float) -> Sequence[Wanted]:
        """Changes after `revision`; an empty list when none came in time."""
        if revision == self._reached and not self._closed:
            self._db.clock.wait(self._changed, seconds)
        self._changed.clear()
        found = self._since(revision)
        newest = found[-1].revision if found else revision
        self._reached = None if len(found) == desired.MOST else newest
        return found

    def _since(self, revision: int) -> list[Wanted]:
        found = self._db.read(lambda tx: desired.since(tx, self.host, revision))
        return [replace(one, spec=self._db.vault.opened(one.spec)) for one in found]

    def report(self, reports: Sequence[Report]) -> None:
        """Note the reports, all in one transaction."""

        def work(tx: Tx) -> None:
            for report in reports:
                row = desired.accept(tx, self.host, report)
                notice = self._notices.get(report.kind)
                if row is not None and notice is not None:
                    notice(tx, row, report)

        # Lost with the power, they are told again: the agent looks at its host when it starts.
        flows = [flow.line(report.id) for report in reports]
        self._db.run(work, promise=False, kind="report", lines=flows)

    def hang_up(self) -> None:
        """Wake the agent's watch for the last time."""
        self._closed = True
        self._changed.set()
