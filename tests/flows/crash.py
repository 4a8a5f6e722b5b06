"""A cloud that can be killed at any line: the crash kit of flows.

`World` is a control plane and a host agent driven by hand in this thread, so that a crash is an
exception out of whichever line was to run next. What lies outside the process survives it: the
database file and the machine's drivers.
"""

import functools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from pileus import agent, compute, image, network
from pileus.agent.guests import GuestHandler
from pileus.agent.metadata import MetadataHandler
from pileus.agent.moves import Moves
from pileus.agent.snapshots import SnapshotHandler
from pileus.app import INVARIANTS, App, build
from pileus.config import Config
from pileus.core import engine, flow
from pileus.core.audit import audit
from pileus.core.clock import ManualClock
from pileus.core.errors import Fault
from pileus.core.flow import Act, Flow, FlowRow, Run, Wait
from pileus.core.policy import Credentials
from pileus.machine import Machine, simulated
from pileus.wire.context import Request
from pileus.wire.dispatch import Dispatcher
from pileus.wire.service import Service

from .agent import Agent

OWNER = Credentials(
    user_id="owner",
    project_id="project",
    roles=frozenset({"admin", "manager", "member", "reader"}),
)
_FLOWS = {str(Path(service.__file__).parent / "flows") for service in (compute, image)}
_AGENT = Path(agent.__file__).parent
_HANDLERS = {str(_AGENT / "guests.py"), str(_AGENT / "snapshots.py")}
_FILES = {engine.__file__, flow.__file__, *_HANDLERS}


_STRIDE = 13
_OFFSET = date.today().toordinal() % _STRIDE


class Crash(BaseException):
    """The process dies here."""


class TickingClock(ManualClock):
    """Moves only when told to, but no two moments are the same."""

    def now(self) -> datetime:
        self.advance(0.000001)
        return super().now()


class World:
    """One cloud over many lives of its process."""

    def __init__(self, state: Path, database: str = "") -> None:
        self.config = Config(
            state=state,
            simulate=True,
            admin_password="admin-secret",
            demo_password="demo-secret",
            host="host-1",
            database=database,
        )
        self.clock = TickingClock()
        self.calls = 0
        self.machine: Machine = simulated(self.config)
        self.app: App
        self.live()
        self.app.prepare()

    def live(self) -> None:
        """A new process on the same database and machine."""
        self.app = build(self.config, self.machine, self.clock)
        self._moves = Moves(self.machine.moves, lambda: "127.0.0.1", self.machine.hand_over)
        handlers = {
            "guest": GuestHandler(self.machine.compute, self.machine.host_network, self._moves),
            "metadata": MetadataHandler(self.machine.host_network),
            "snapshot": SnapshotHandler(self.machine.copies, self.machine.upstairs),
        }
        self._agent = Agent(self.app.db, self.config.host, handlers)

    def die(self) -> None:
        """The process is gone, with all that it only remembered."""
        self._moves.close()
        self.app.db.close()
        self.live()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The compute API's answer to an admin's request, without HTTP."""
        return self._call(compute.SERVICE, method, f"/v2.1{path}", body)

    def network(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The network API's answer."""
        return self._call(network.SERVICE, method, f"/v2.0{path}", body)

    def image(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The image API's answer."""
        return self._call(image.SERVICE, method, f"/v2{path}", body)

    def _call(self, service: Service, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.calls += 1
        dispatcher = Dispatcher([service], self.app.parts, lambda _token: OWNER)
        headers = {"x-auth-token": "owner", "openstack-api-version": "compute 2.90"}
        data = b"" if body is None else json.dumps(body).encode()
        request = Request(method, path, "http://cloud", (), headers, data)
        request_id = f"req-{self.calls:08x}-0000-4000-8000-000000000000"
        try:
            found = dispatcher.find(service, request, dispatcher.version(service, request))
            answer = dispatcher.answer(found, request, request_id)
        except Fault as fault:
            return fault.status, fault.message
        return answer.status, answer.body

    def act(self) -> bool:
        """The agent's turn: everything that changed is made so and reported."""
        return self._agent.act()

    def look(self) -> None:
        """The agent looks at everything again and reports what it finds."""
        self._agent.look()

    def repeat_steps(self) -> None:
        """From now on every step and every undo is run twice in a row."""
        kinds = self.app.engine.kinds
        self.app.engine.kinds = {name: _doubled(kind) for name, kind in kinds.items()}

    def audit(self) -> list[Any]:
        """What `pileus audit` would find, at one moment."""
        return self.app.db.read(lambda tx: audit(INVARIANTS, self.app.parts, tx))

    def settle(self, rounds: int = 300) -> None:
        """Let everybody have their turn until nothing is left to do."""
        for _ in range(rounds):
            compute.host_report(self.app.parts)
            self.app.engine.settle()
            acted = self.act()
            for loop in self.app.loops:
                if loop.name.startswith(("network", "image")):
                    loop.work()
            if not acted and not self.app.db.read(lambda tx: tx.exists(FlowRow)):
                return
            self.clock.advance(1.0)
        left = self.app.db.read(lambda tx: [vars(row) for row in tx.all(FlowRow)])
        raise AssertionError(f"still not at rest after {rounds} rounds: {left}")


def _twice(act: Act) -> Act:
    @functools.wraps(act)
    def both(run: Run) -> Wait | None:
        act(run)
        return act(run)

    return both


def _doubled(kind: Flow) -> Flow:
    steps = [
        replace(step, do=_twice(step.do), undo=_twice(step.undo) if step.undo else None)
        for step in kind.steps
    ]
    return Flow(kind.name, *steps, failed=kind.failed)


def _traced(name: str) -> bool:
    return name in _FILES or os.path.dirname(name) in _FLOWS


def _place(frame: FrameType) -> str:
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def _flow_above(frame: FrameType) -> str:
    """The line of a flow that has called this; "" when something else has."""
    caller = frame.f_back
    inside = caller and os.path.dirname(caller.f_code.co_filename) in _FLOWS
    return _place(caller) if caller and inside else ""


@contextmanager
def crash_at(point: int) -> Iterator[None]:
    """Raise Crash at the `point`th line of flows, engine and guest handler that is to run.

    The first two times that a line runs are points; what goes round again later is not. A line that
    several flows or steps share counts anew for each line of a flow that calls it.
    """
    seen = 0
    times: Counter[tuple[str, str]] = Counter()

    def inside(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal seen
        if event == "line":
            place = _place(frame)
            met = (place, _flow_above(frame))
            times[met] += 1
            if times[met] <= 2:
                seen += 1
                if seen == point:
                    sys.settrace(None)
                    raise Crash(place)
        return inside

    def enter(frame: FrameType, _event: str, _arg: Any) -> Any:
        return inside if _traced(frame.f_code.co_filename) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def everywhere(
    what: str,
    world: World,
    arrange: Callable[[World], Any],
    check: Callable[[World, Any], None],
    most: int = 2000,
) -> int:
    """Crash once at every line of what `arrange` sets going; print and return how many those are.

    `make faults` (PILEUS_FAULTS=full) takes every line; otherwise one in thirteen is taken, another
    seventh on each day.

    what: the name that is printed. arrange: makes the change in a transaction and returns what
    `check` needs. check: asserts that the end is one of those allowed, and leaves the world as it
    was.
    """
    first, step = (1, 1) if os.environ.get("PILEUS_FAULTS") == "full" else (1 + _OFFSET, _STRIDE)
    for point in range(first, most, step):
        subject = arrange(world)
        crashed = False
        with crash_at(point):
            try:
                world.settle()
            except Crash:
                crashed = True
        if crashed:
            world.die()
        world.settle()
        check(world, subject)
        if not crashed:
            print(f"{what}: {point - 1} crash points")
            return point - 1
    raise AssertionError(f"more than {most} points: is something going round in circles?")
