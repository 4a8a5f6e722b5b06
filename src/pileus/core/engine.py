"""The engine: workers that carry flows on, one step at a time."""

import logging
import queue
import random
import threading
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from . import flow as flows
from .backend import Broken, Busy, Refused
from .db import Database, Stale, Tx
from .errors import NoWrites
from .flow import Failed, Flow, FlowRow, Run, Step, Wait
from .parts import Parts

log = logging.getLogger(__name__)
_POLL = 1.0
_LEASE = 60.0
_ALONE = timedelta(minutes=1)  # a flow due for so long had nobody to carry it on
_TRIES = 8


class Engine:
    """Carries this process's share of all flows; any number of processes may run one."""

    def __init__(
        self, db: Database, kinds: Mapping[str, Flow], parts: Parts, workers: int = 2
    ) -> None:
        self.db, self.kinds, self.parts = db, kinds, parts
        self._workers = workers
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy: dict[str, bool] = {}  # subject → whether it was nudged again meanwhile
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        db.listen("flow", self.nudge)

    def start(self) -> None:
        """Start the workers and the poll."""
        targets = [self._work] * self._workers + [self._poll]
        for number, target in enumerate(targets):
            thread = threading.Thread(target=target, name=f"flows {number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop after the present steps; what is unfinished goes on in another process or later."""
        self._stop.set()
        for _ in range(self._workers):
            self._queue.put(None)
        for thread in self._threads:
            thread.join(10)

    def nudge(self, subject: str) -> None:
        """Look at the flow of this subject soon."""
        with self._lock:
            if subject in self._busy:
                self._busy[subject] = True
                return
            self._busy[subject] = False
        self._queue.put(subject)

    def due(self) -> list[str]:
        """The subjects of flows that are to be carried on now."""

        def work(tx: Tx) -> list[str]:
            return list(tx.execute(_due(), {"now": tx.now}).scalars())

        return self.db.read(work)

    def settle(self, rounds: int = 1000) -> None:
        """Carry on every due flow in this thread until none is due, for tests and shutdown."""
        for _ in range(rounds):
            due = self.due()
            if not due:
                return
            for subject in due:
                self.advance(subject)
        raise RuntimeError(f"BUG: flows are still due after {rounds} rounds: {self.due()}")

    def advance(self, subject: str) -> None:
        """Carry its flow on until it waits, is finished, or belongs to somebody else."""
        while self._one_step(subject):
            pass

    def _poll(self) -> None:
        while not self._stop.wait(_POLL):
            try:
                due = self.due()
                # So that several processes rarely begin with the same one.
                random.shuffle(due)
                for subject in due:
                    self.nudge(subject)
            except NoWrites:
                continue
            except Exception:
                log.exception("flows could not be polled; trying again")

    def _work(self) -> None:
        while (subject := self._queue.get()) is not None:
            try:
                self.advance(subject)
            except NoWrites:
                self._stop.wait(_POLL)  # the database has said so; the poll brings the flow back
            except Exception:
                log.exception("flow of %s: the engine failed; the poll brings it back", subject)
            with self._lock:
                again = self._busy.pop(subject, False)
            if again:
                self.nudge(subject)

    def _one_step(self, subject: str) -> bool:
        """One step in one transaction; true when there may be more to do at once."""
        outside: list[tuple[FlowRow, Flow, Step]] = []
        met: list[tuple[str, int]] = []  # the flow and its term, as this attempt has them

        def work(tx: Tx) -> bool:
            outside.clear()
            row = flows.find(tx, subject)
            if row is None or row.wake_at > tx.now:
                return False
            if row.lease_until is not None and row.lease_until > tx.now:
                return False
            met[:] = [(row.id, row.term)]
            if tx.now - row.wake_at > _ALONE:
                # While no process ran, nobody could answer either: that was not waiting.
                self._record(tx, row, since=tx.now)
            kind = self.kinds[row.kind]
            step = kind.steps[kind.index[row.step]]
            if step.outside and (step.undo is not None or not row.undoing):
                lease = tx.now + timedelta(seconds=_LEASE)
                self._record(tx, row, lease_until=lease, owner=self.db.owner)
                met[:] = [(row.id, row.term)]
                outside.append((row, kind, step))
                return True
            waiting = self._act(step, Run(row, self.parts, self.db, tx))
            return self._after(tx, row, kind, waiting)

        try:
            # A step that is lost with the power is taken again.
            more = self.db.run(work, promise=False, kind="flow", lines=[flows.line(subject)])
            if outside:
                return self._call(*outside[0])
            return more
        except NoWrites:
            raise  # nothing of the step stands, and it is not to blame
        except Exception as problem:
            return self._failed(subject, met, problem)

    def _act(self, step: Step, run: Run) -> Wait | None:
        if not run.row.undoing:
            return step.do(run)
        return step.undo(run) if step.undo is not None else None

    def _call(self, row: FlowRow, kind: Flow, step: Step) -> bool:
        """A step outside transactions, under the lease that was just taken."""
        mine = row.id, row.term
        waiting = self._act(step, Run(row, self.parts, self.db))

        def after(tx: Tx) -> bool:
            now = _still(tx, row.subject, mine)
            return now is not None and self._after(tx, now, kind, waiting)

        return self.db.run(after, lines=[flows.line(row.subject)])

    def _after(self, tx: Tx, row: FlowRow, kind: Flow, waiting: Wait | None) -> bool:
        """Record what the step came to; true when the flow goes on at once."""
        if waiting is not None:
            if not row.undoing:
                _in_time(tx, row, waiting)
            self._record(tx, row, wake_at=flows.later(tx, waiting.seconds), lease_until=None)
            return False
        at = kind.index[row.step] + (-1 if row.undoing else 1)
        if 0 <= at < len(kind.steps):
            step = kind.steps[at].name
            self._record(tx, row, step=step, tries=0, since=tx.now, lease_until=None)
            return True
        if row.undoing and kind.failed is not None:
            kind.failed(Run(row, self.parts, self.db, tx))
        # The row may have been replaced by the failed hook (a flow that starts over elsewhere).
        if not tx.remove_where(FlowRow, id=row.id, term=row.term) and not row.undoing:
            raise Stale(f"flow {row.id} was taken over")
        return False

    def _record(self, tx: Tx, row: FlowRow, **values: object) -> None:
        """Write these of the row, provided that nobody has written it since it was read."""
        key = {"own_id": row.id, "own_term": row.term}
        if not tx.update(_recording(), key | values | {"term": row.term + 1}):
            raise Stale(f"flow {row.id} was taken over")
        row.__dict__.update(values)
        row.term += 1

    def _failed(self, subject: str, met: list[tuple[str, int]], problem: Exception) -> bool:
        """A step raised: try again, or turn the flow round."""

        def work(tx: Tx) -> bool:
            row = _still(tx, subject, *met)
            if row is None:
                return False
            final = isinstance(problem, Failed | Refused) or row.tries + 1 >= _TRIES
            if row.undoing or not final:
                # Undoing never gives up; a step that may yet work is tried a few times.
                pause = min(60.0, 0.2 * 2 ** min(row.tries, 10))
                self._record(
                    tx, row, tries=row.tries + 1, wake_at=flows.later(tx, pause), lease_until=None
                )
                return False
            fault = problem.fault if isinstance(problem, Failed) else _fault(problem)
            turned = {"undoing": 1, "tries": 0, "fault": fault, "since": tx.now}
            self._record(tx, row, **turned, lease_until=None)
            return True

        level = logging.INFO if isinstance(problem, Failed | Refused | Busy) else logging.ERROR
        unexpected = not isinstance(problem, Failed | Refused | Busy | Broken)
        log.log(level, "flow of %s: a step failed: %s", subject, problem, exc_info=unexpected)
        return self.db.run(work, lines=[flows.line(subject)])


def _still(tx: Tx, subject: str, *met: tuple[str, int]) -> FlowRow | None:
    """The subject's flow if it is at the term at which it was met.

    Else somebody has carried it on, or another flow has taken its place: a delete, which must not
    be turned round for what failed before it.
    """
    row = flows.find(tx, subject)
    return row if row is not None and (row.id, row.term) in met else None


@cache
def _due() -> "sa.Select[Any]":
    c, now = FlowRow.table.c, sa.bindparam("now", type_=FlowRow.table.c.wake_at.type)
    free = c.lease_until.is_(None) | (c.lease_until <= now)
    return sa.select(c.subject).where(c.wake_at <= now, free).order_by(c.wake_at).limit(500)


@cache
def _recording() -> sa.Update:
    c = FlowRow.table.c
    own = (c.id == sa.bindparam("own_id"), c.term == sa.bindparam("own_term"))
    return sa.update(FlowRow.table).where(*own)


def _in_time(tx: Tx, row: FlowRow, waiting: Wait) -> None:
    """Raises Failed once the step has been waited for longer than it may."""
    if waiting.patience is None or flows.waited(tx, row) <= waiting.patience:
        return
    minutes = int(waiting.patience.total_seconds() // 60)
    raise Failed(f"{waiting.awaited} within {minutes} minutes.", code=flows.LATE)


def _fault(problem: Exception) -> dict[str, object]:
    known = isinstance(problem, Refused | Broken | Busy)
    message = str(problem) if known else "An unexpected error stopped this change."
    return {"message": message, "details": f"{type(problem).__name__}: {problem}", "code": 500}
