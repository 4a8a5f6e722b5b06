"""Flows: carried on, resumed, undone, turned round."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pileus.core import flow
from pileus.core.clock import ManualClock
from pileus.core.db import Database
from pileus.core.engine import Engine
from pileus.core.flow import Failed, Flow, FlowRow, Run, Step, Wait, by_name
from pileus.core.parts import Parts

from .rows import Box


class Trace:
    """A flow of three steps that writes down what it does, and a switch to fail or wait."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.hooks: dict[str, Callable[[Run], Wait | None]] = {}
        self.flow = Flow(
            "box.make",
            Step(self.one, undo=self.un_one),
            Step(self.two, undo=self.un_two, outside=True),
            Step(self.three),
            failed=self.failed,
        )

    def _note(self, name: str, run: Run) -> Wait | None:
        self.seen.append(name)
        hook = self.hooks.get(name)
        return hook(run) if hook else None

    def one(self, run: Run) -> Wait | None:
        run.tx.add(Box(name=run.subject))
        return self._note("one", run)

    def un_one(self, run: Run) -> Wait | None:
        run.tx.remove_where(Box, name=run.subject)
        return self._note("un_one", run)

    def two(self, run: Run) -> Wait | None:
        return self._note("two", run)

    def un_two(self, run: Run) -> Wait | None:
        return self._note("un_two", run)

    def three(self, run: Run) -> Wait | None:
        return self._note("three", run)

    def failed(self, run: Run) -> Wait | None:
        return self._note(f"failed: {run.fault['message']}", run)


@pytest.fixture
def trace() -> Trace:
    return Trace()


@pytest.fixture
def engine(db: Database, trace: Trace) -> Engine:
    other = Flow("box.drop", Step(_drop))
    return Engine(db, by_name([trace.flow, other]), Parts())


def _drop(run: Run) -> None:
    run.tx.remove_where(Box, name=run.subject)


def _start(db: Database, trace: Trace) -> FlowRow:
    return db.run(lambda tx: flow.start(tx, trace.flow, "b"))


def _left(db: Database) -> tuple[int, int]:
    return db.read(lambda tx: (tx.count(FlowRow), tx.count(Box)))


def test_every_step_runs_once_in_order_and_nothing_is_left(
    db: Database, trace: Trace, engine: Engine
) -> None:
    _start(db, trace)

    engine.settle()

    assert trace.seen == ["one", "two", "three"]
    assert _left(db) == (0, 1)


def test_a_failed_step_is_undone_with_all_before_it(
    db: Database, trace: Trace, engine: Engine
) -> None:
    def fail(_run: Run) -> None:
        raise Failed("the disk is full")

    trace.hooks["three"] = fail
    _start(db, trace)

    engine.settle()

    assert trace.seen == ["one", "two", "three", "un_two", "un_one", "failed: the disk is full"]
    assert _left(db) == (0, 0)


def test_an_unexpected_error_is_tried_again(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    def fail_once(_run: Run) -> None:
        if trace.seen.count("three") == 1:
            raise RuntimeError("flaky")

    trace.hooks["three"] = fail_once
    _start(db, trace)

    engine.settle()
    clock.advance(1)
    engine.settle()

    assert trace.seen == ["one", "two", "three", "three"]
    assert _left(db) == (0, 1)


def test_a_waiting_step_runs_again_when_its_time_has_come(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    trace.hooks["three"] = lambda _run: Wait(5) if trace.seen.count("three") == 1 else None
    _start(db, trace)
    engine.settle()
    assert _left(db) == (1, 1)

    clock.advance(6)
    engine.settle()

    assert trace.seen == ["one", "two", "three", "three"]


def test_a_waiting_flow_can_be_woken(db: Database, trace: Trace, engine: Engine) -> None:
    trace.hooks["three"] = lambda _run: Wait(500) if trace.seen.count("three") == 1 else None
    _start(db, trace)
    engine.settle()

    db.run(lambda tx: flow.wake(tx, "b"))
    engine.settle()

    assert _left(db) == (0, 1)


def _wait_long(engine: Engine, clock: ManualClock, minutes: int) -> None:
    for _ in range(2 * minutes):
        clock.advance(30)
        engine.settle()


def test_a_step_that_waits_for_too_long_has_failed(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    trace.hooks["three"] = lambda _run: Wait(5, "The disk is not there")
    _start(db, trace)
    engine.settle()

    _wait_long(engine, clock, 15)
    assert "un_two" not in trace.seen
    _wait_long(engine, clock, 1)

    end = ["un_two", "un_one", "failed: The disk is not there within 15 minutes."]
    assert trace.seen[-3:] == end
    assert _left(db) == (0, 0)


def test_each_step_has_its_own_time(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    waits = {"one": True, "three": True}
    trace.hooks["one"] = lambda run: run.tx.remove_where(Box, name="b") and _until(waits, "one")
    trace.hooks["three"] = lambda _run: _until(waits, "three")
    _start(db, trace)
    engine.settle()

    for name in waits:
        _wait_long(engine, clock, 10)
        waits[name] = False
    _wait_long(engine, clock, 1)

    assert "un_one" not in trace.seen
    assert _left(db)[0] == 0


def _until(waits: dict[str, bool], name: str) -> Wait | None:
    return Wait(5) if waits[name] else None


def test_a_step_may_wait_for_ever(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    trace.hooks["three"] = lambda _run: Wait(5, patience=None)
    _start(db, trace)

    _wait_long(engine, clock, 60)

    assert set(trace.seen) == {"one", "two", "three"}
    assert _left(db) == (1, 1)


def test_undoing_waits_for_ever_and_knows_that_it_is_late(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    late: list[bool] = []

    def undo(run: Run) -> Wait:
        late.append(run.late)
        return Wait(5)

    def fail(_run: Run) -> None:
        raise Failed("no")

    trace.hooks |= {"three": fail, "un_one": undo}
    _start(db, trace)

    _wait_long(engine, clock, 20)

    assert (late[0], late[-1]) == (False, True)
    assert _left(db)[0] == 1


def test_the_time_in_which_nobody_carried_a_flow_on_does_not_count(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    trace.hooks["three"] = lambda _run: Wait(5)
    _start(db, trace)
    engine.settle()

    clock.advance(3600)
    engine.settle()
    _wait_long(engine, clock, 14)

    assert "un_two" not in trace.seen


def test_a_second_flow_for_one_subject_is_refused(db: Database, trace: Trace) -> None:
    _start(db, trace)

    with pytest.raises(IntegrityError):
        db.run(lambda tx: flow.start(tx, Flow("box.drop", Step(_drop)), "b"))


def test_a_flow_can_be_turned_round(db: Database, trace: Trace, engine: Engine) -> None:
    trace.hooks["three"] = lambda _run: Wait(500)
    _start(db, trace)
    engine.settle()

    db.run(lambda tx: flow.turn(tx, Flow("box.drop", Step(_drop)), "b"))
    engine.settle()

    assert _left(db) == (0, 0)


def test_a_crash_inside_a_step_leaves_it_to_be_run_again(
    db: Database, trace: Trace, engine: Engine
) -> None:
    class Crash(BaseException):
        pass

    def crash(_run: Run) -> None:
        if trace.seen.count("one") == 1:
            raise Crash

    trace.hooks["one"] = crash
    row = _start(db, trace)
    with pytest.raises(Crash):
        engine.advance(row.subject)

    engine.settle()

    assert trace.seen == ["one", "one", "two", "three"]
    assert _left(db) == (0, 1)


def test_a_crash_outside_a_transaction_is_taken_up_when_the_lease_ends(
    db: Database, trace: Trace, engine: Engine, clock: ManualClock
) -> None:
    class Crash(BaseException):
        pass

    def crash(_run: Run) -> None:
        if trace.seen.count("two") == 1:
            raise Crash

    trace.hooks["two"] = crash
    row = _start(db, trace)
    with pytest.raises(Crash):
        engine.advance(row.subject)
    assert engine.due() == []

    clock.advance(61)
    engine.settle()

    assert trace.seen == ["one", "two", "two", "three"]


def test_a_failure_is_not_laid_to_the_flow_that_has_taken_its_place(
    db: Database, trace: Trace, engine: Engine
) -> None:
    def replaced_then_failed(run: Run) -> None:
        drop = engine.kinds["box.drop"]
        db.run(lambda tx: flow.turn(tx, drop, "b"))
        raise Failed("too late to matter")

    trace.hooks["two"] = replaced_then_failed
    db.run(lambda tx: flow.start(tx, trace.flow, "b"))

    engine.settle()

    assert trace.seen == ["one", "two"]
    assert _left(db) == (0, 0)


def test_a_failure_is_not_laid_to_a_step_that_another_has_carried_on(
    db: Database, trace: Trace, engine: Engine
) -> None:
    def carried_on_then_failed(run: Run) -> None:
        trace.hooks.pop("two")
        later = db.clock.now() + timedelta(hours=1)
        db.run(lambda tx: tx.execute(sa.update(FlowRow.table).values(term=99, wake_at=later)))
        raise Failed("the lease was lost")

    trace.hooks["two"] = carried_on_then_failed
    db.run(lambda tx: flow.start(tx, trace.flow, "b"))

    engine.settle()

    left = db.read(lambda tx: flow.find(tx, "b"))
    assert left is not None
    assert (left.undoing, left.tries, left.fault) == (0, 0, None)


def test_undoing_that_ends_too_late_does_not_run_what_follows_it(
    db: Database, trace: Trace, engine: Engine
) -> None:
    def fail(_run: Run) -> None:
        raise Failed("two is broken")

    def replaced(_run: Run) -> None:
        drop = engine.kinds["box.drop"]
        db.run(lambda tx: flow.turn(tx, drop, "b"))

    trace.hooks |= {"two": fail, "un_two": replaced}
    _start(db, trace)

    engine.settle()

    assert trace.seen == ["one", "two", "un_two"]
    assert _left(db) == (0, 0)
