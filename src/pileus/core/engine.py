"""The engine: workers that carry flows on, one step at a time."""

import logging
import queue
import threading
from collections.abc import Mapping
from datetime import timedelta

from . import flow as flows
from .backend import Broken, Busy, Refused
from .db import Database, Stale, Tx
from .flow import Failed, Flow, FlowRow, Run, Step, Wait
from .parts import Parts

log = logging.getLogger(__name__)
_POLL = 1.0
_LEASE = 60.0
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
        self._busy: dict[str, bool] = {}  # flow id → whether it was nudged again meanwhile
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

    def nudge(self, flow_id: str) -> None:
        """Look at this flow soon."""
        with self._lock:
            if flow_id in self._busy:
                self._busy[flow_id] = True
                return
            self._busy[flow_id] = False
        self._queue.put(flow_id)

    def due(self) -> list[str]:
        """Flows that are to be carried on now."""

        def work(tx: Tx) -> list[str]:
            rows = tx.all(
                FlowRow,
                FlowRow.wake_at <= tx.now,
                FlowRow.lease_until.is_(None) | (FlowRow.lease_until <= tx.now),
                order=[FlowRow.wake_at],
                limit=500,
            )
            return [row.id for row in rows]

        return self.db.read(work)

    def settle(self, rounds: int = 1000) -> None:
        """Carry on every due flow in this thread until none is due, for tests and shutdown."""
        for _ in range(rounds):
            due = self.due()
            if not due:
                return
            for flow_id in due:
                self.advance(flow_id)
        raise RuntimeError(f"BUG: flows are still due after {rounds} rounds: {self.due()}")

    def advance(self, flow_id: str) -> None:
        """Carry one flow on until it waits, is finished, or belongs to somebody else."""
        while self._one_step(flow_id):
            pass

    def _poll(self) -> None:
        while not self._stop.wait(_POLL):
            try:
                for flow_id in self.due():
                    self.nudge(flow_id)
            except Exception:
                log.exception("flows could not be polled; trying again")

    def _work(self) -> None:
        while (flow_id := self._queue.get()) is not None:
            try:
                self.advance(flow_id)
            except Exception:
                log.exception("flow %s: the engine failed; the poll brings it back", flow_id)
            with self._lock:
                again = self._busy.pop(flow_id, False)
            if again:
                self.nudge(flow_id)

    def _one_step(self, flow_id: str) -> bool:
        """One step in one transaction; true when there may be more to do at once."""
        outside: list[tuple[FlowRow, Flow, Step]] = []

        def work(tx: Tx) -> bool:
            outside.clear()
            row = tx.get(FlowRow, flow_id)
            if row is None or row.wake_at > tx.now:
                return False
            if row.lease_until is not None and row.lease_until > tx.now:
                return False
            kind = self.kinds[row.kind]
            step = kind.steps[kind.index[row.step]]
            if step.outside and (step.undo is not None or not row.undoing):
                lease = tx.now + timedelta(seconds=_LEASE)
                self._record(tx, row, lease_until=lease)
                outside.append((row, kind, step))
                return True
            waiting = self._act(step, Run(row, self.parts, self.db, tx))
            return self._after(tx, row, kind, waiting)

        try:
            # A step that is lost with the power is taken again.
            more = self.db.run(work, promise=False)
            if outside:
                return self._call(*outside[0])
            return more
        except Exception as problem:
            return self._failed(flow_id, problem)

    def _act(self, step: Step, run: Run) -> Wait | None:
        if not run.row.undoing:
            return step.do(run)
        return step.undo(run) if step.undo is not None else None

    def _call(self, row: FlowRow, kind: Flow, step: Step) -> bool:
        """A step outside transactions, under the lease that was just taken."""
        waiting = self._act(step, Run(row, self.parts, self.db))
        return self.db.run(lambda tx: self._after(tx, row, kind, waiting))

    def _after(self, tx: Tx, row: FlowRow, kind: Flow, waiting: Wait | None) -> bool:
        """Record what the step came to; true when the flow goes on at once."""
        if waiting is not None:
            self._record(tx, row, wake_at=flows.later(tx, waiting.seconds), lease_until=None)
            return False
        at = kind.index[row.step] + (-1 if row.undoing else 1)
        if 0 <= at < len(kind.steps):
            self._record(tx, row, step=kind.steps[at].name, tries=0, lease_until=None)
            return True
        if row.undoing and kind.failed is not None:
            kind.failed(Run(row, self.parts, self.db, tx))
        # The row may have been replaced by the failed hook (a flow that starts over elsewhere).
        if tx.get(FlowRow, row.id) is not None:
            flows.finish(tx, row)
        return False

    def _record(self, tx: Tx, row: FlowRow, **values: object) -> None:
        done = tx.set(
            FlowRow, FlowRow.id == row.id, FlowRow.term == row.term, term=row.term + 1, **values
        )
        if not done:
            raise Stale(f"flow {row.id} was taken over")
        row.__dict__.update(values)
        row.term += 1

    def _failed(self, flow_id: str, problem: Exception) -> bool:
        """A step raised: try again, or turn the flow round."""

        def work(tx: Tx) -> bool:
            row = tx.get(FlowRow, flow_id)
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
            self._record(tx, row, undoing=1, tries=0, fault=fault, lease_until=None)
            return True

        level = logging.INFO if isinstance(problem, Failed | Refused | Busy) else logging.ERROR
        unexpected = not isinstance(problem, Failed | Refused | Busy | Broken)
        log.log(level, "flow %s: a step failed: %s", flow_id, problem, exc_info=unexpected)
        return self.db.run(work)


def _fault(problem: Exception) -> dict[str, object]:
    known = isinstance(problem, Refused | Broken | Busy)
    message = str(problem) if known else "An unexpected error stopped this change."
    return {"message": message, "details": f"{type(problem).__name__}: {problem}", "code": 500}
