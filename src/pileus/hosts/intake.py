"""Reports of all hosts, written down together: many small transactions would cost too much."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from ..core import desired, flow
from ..core.db import Database, Tx
from ..core.desired import Report
from ..core.errors import Unavailable
from .messages import Reports
from .refusals import Refusals
from .rows import JoinedHost
from .upper import Upper

log = logging.getLogger(__name__)
_TOGETHER = 200  # reports in one transaction
_LONGEST = 64 << 10  # bytes of one state, as JSON
_AGAIN = 1.0
_SESSION = (
    sa.select(JoinedHost.session)
    .where(JoinedHost.host == sa.bindparam("name"))
    .with_for_update(read=True)
)


class Teller(Protocol):
    """Who reports."""

    host: str
    number: int

    def written(self, number: int) -> None:
        """The reports of this number are written down."""
        ...

    def end(self, reason: str, final: bool = False) -> None:
        """It is not to report any more."""
        ...


Item = tuple[Teller, Reports]
Do = Callable[..., Awaitable[Any]]


class Intake:
    """A queue of reports and the one task that empties it. For the event loop's own thread."""

    def __init__(self, db: Database, upper: Upper, do: Do, refusals: Refusals) -> None:
        self._db, self._upper, self._do, self._refusals = db, upper, do, refusals
        self._queue: asyncio.Queue[Item] = asyncio.Queue()

    def put(self, teller: Teller, reports: Reports) -> None:
        """Write them down soon; an agent waits for the answer before it sends more."""
        self._queue.put_nowait((teller, reports))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty() and sum(len(r.items) for _, r in batch) < _TOGETHER:
                batch.append(self._queue.get_nowait())
            await self._settle(batch)

    async def _settle(self, batch: list[Item]) -> None:
        try:
            stale = await self._do(self._write, batch)
        except Exception as problem:
            if len(batch) > 1:
                for item in batch:
                    await self._settle([item])
                return
            await self._alone(batch[0], problem)
            return
        for teller, reports in batch:
            if teller in stale:
                teller.end("another session of this host has begun")
            else:
                teller.written(reports.number)

    async def _alone(self, item: Item, problem: Exception) -> None:
        teller, reports = item
        if isinstance(problem, (Unavailable, sa.exc.OperationalError, sa.exc.InterfaceError)):
            log.warning("host %s: reports wait for the database: %s", teller.host, problem)
            await asyncio.sleep(_AGAIN)
            self._queue.put_nowait(item)
            return
        log.error("host %s: a report is dropped", teller.host, exc_info=problem)
        teller.written(reports.number)

    def _write(self, batch: list[Item]) -> set[Teller]:
        def work(tx: Tx) -> set[Teller]:
            stale: set[Teller] = set()
            for teller, reports in batch:
                # Read with a lock, so that a newer session cannot begin in between.
                if tx.execute(_SESSION, {"name": teller.host}).scalar() != teller.number:
                    log.warning("host %s: reports of its old session are refused", teller.host)
                    stale.add(teller)
                    continue
                for report in reports.items:
                    self._note(tx, teller.host, report)
            return stale

        # Lost with the power, they are told again: an agent tells everything to a new session.
        flows = [flow.line(report.id) for _, reports in batch for report in reports.items]
        return self._db.run(work, promise=False, kind="report", lines=flows)

    def _note(self, tx: Tx, host: str, report: Report) -> None:
        row = desired.find(tx, host, report.kind, report.id)
        wrong = desired.strange(row, report) or _unfit(report)
        if wrong:
            words = (host, report.kind[:32], report.id[:64], wrong)
            log.warning("host %s: its report on %s %s is ignored: %s", *words)
            self._refusals.note(f"host {host}", f"its report on {words[1]} {words[2]}: {wrong}")
            return
        row = desired.accept(tx, host, report)
        notice = self._upper.notices.get(report.kind)
        if row is not None and notice is not None:
            notice(tx, row, report)


def _unfit(report: Report) -> str:
    """Why the state cannot be kept as JSON; empty when it can."""
    try:
        size = len(msgspec.json.encode(report.state))
    except (TypeError, ValueError, RecursionError) as wrong:
        return f"its state is no JSON ({wrong})"
    return f"its state has {size} bytes, {_LONGEST} are allowed" if size > _LONGEST else ""
