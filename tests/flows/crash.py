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

from pileus import agent, compute, network
from pileus.agent import LocalChannel
from pileus.agent.guests import GuestHandler
from pileus.agent.metadata import MetadataHandler
from pileus.agent.moves import Moves
from pileus.agent.snapshots import SnapshotHandler
from pileus.app import INVARIANTS, App, build
from pileus.config import Config
from pileus.core import desired, engine, flow
from pileus.core.audit import audit
from pileus.core.backend import Busy
from pileus.core.clock import ManualClock
from pileus.core.desired import Report
from pileus.core.errors import Fault
from pileus.core.flow import Act, Flow, FlowRow, Run, Wait
from pileus.core.policy import Credentials
from pileus.machine import Machine, simulated
from pileus.wire.context import Request
from pileus.wire.dispatch import Dispatcher
from pileus.wire.service import Service

OWNER = Credentials(
    user_id="owner",
    project_id="project",
    roles=frozenset({"admin", "manager", "member", "reader"}),
)
_FOLDERS = (Path(compute.__file__).parent / "flows",)
_AGENT = Path(agent.__file__).parent
_HANDLERS = {str(_AGENT / "guests.py"), str(_AGENT / "snapshots.py")}
_FILES = {engine.__file__, flow.__file__, *_HANDLERS}


_STRIDE = 7
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
        channel = LocalChannel(self.app.db, self.config.host, {"guest": compute.observed})
        self._channel, self._seen = channel, 0
        self._moves = Moves(self.machine.moves, lambda: "127.0.0.1", self.machine.hand_over)
        self._handlers: dict[str, Any] = {
            "guest": GuestHandler(self.machine.compute, self.machine.host_network, self._moves),
            "metadata": MetadataHandler(self.machine.host_network),
            "snapshot": SnapshotHandler(self.machine.copies, self.machine.upstairs),
        }

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

    def _call(self, service: Service, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.calls += 1
        dispatcher = Dispatcher([service], self.app.parts, lambda _token: OWNER)
        headers = {"x-auth-token": "owner", "openstack-api-version": "compute 2.90"}
        data = b"" if body is None else json.dumps(body).encode()
        request = Request(method, path, "http://cloud", (), headers, data)
        request_id = f"req-{self.calls:08x}-0000-4000-8000-000000000000"
        try:
            found = dispatcher.find(service, request)
            answer = dispatcher.answer(found, request, request_id)
        except Fault as fault:
            return fault.status, fault.message
        return answer.status, answer.body

    def act(self) -> bool:
        """The agent's turn: everything that changed is made so and reported."""
        wanted = self.app.db.read(lambda tx: desired.since(tx, self.config.host, self._seen))
        for wish in wanted:
            handler = self._handlers[wish.kind]
            try:
                if wish.spec is None:
                    handler.remove(wish.id)
                    state = None
                else:
                    state = handler.apply(wish.id, self.app.db.vault.opened(wish.spec))
            except Busy:
                return True  # looked at again, from this one on
            except Exception as problem:
                if wish.spec is None:
                    return True
                state = {"error": str(problem)}
            self._channel.report([Report(wish.kind, wish.id, wish.revision, state)])
            self._seen = max(self._seen, wish.revision)
        return bool(wanted)

    def look(self) -> None:
        """The agent looks at everything again and reports what it finds."""
        with_specs = self.app.db.read(lambda tx: desired.since(tx, self.config.host, 0))
        for kind, handler in self._handlers.items():
            found = handler.observe()
            for wish in with_specs:
                if wish.kind == kind and wish.spec is not None:
                    state = found.get(wish.id, {"power": "absent"})
                    self._channel.report([Report(kind, wish.id, wish.revision, state)])

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
    return name in _FILES or any(Path(name).parent == folder for folder in _FOLDERS)


@contextmanager
def crash_at(point: int) -> Iterator[list[str]]:
    """Raise Crash at the `point`th line of flows, engine and guest handler that is to run.

    The first two times that a line runs are points; what goes round again later is not.
    Gives the points met so far: "file:line".
    """
    seen: list[str] = []
    times: Counter[str] = Counter()

    def inside(frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
            times[place] += 1
            if times[place] <= 2:
                seen.append(place)
                if len(seen) == point:
                    sys.settrace(None)
                    raise Crash(place)
        return inside

    def enter(frame: FrameType, _event: str, _arg: Any) -> Any:
        return inside if _traced(frame.f_code.co_filename) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield seen
    finally:
        sys.settrace(before)


def everywhere(
    world: World,
    arrange: Callable[[World], Any],
    check: Callable[[World, Any], None],
    most: int = 2000,
) -> tuple[int, set[str]]:
    """Crash once at every line of what `arrange` sets going; how many, and the lines met.

    `make faults` (PILEUS_FAULTS=full) takes every line; otherwise one in seven is taken, another
    seventh on each day.

    arrange: makes the change in a transaction and returns what `check` needs. check: asserts that
    the end is one of those allowed, and leaves the world as it was.
    """
    met: set[str] = set()
    first, step = (1, 1) if os.environ.get("PILEUS_FAULTS") == "full" else (1 + _OFFSET, _STRIDE)
    for point in range(first, most, step):
        subject = arrange(world)
        crashed = False
        with crash_at(point) as lines:
            try:
                world.settle()
            except Crash:
                crashed = True
        met.update(lines)
        if crashed:
            world.die()
        world.settle()
        check(world, subject)
        if not crashed:
            return point - 1, met
    raise AssertionError(f"more than {most} points: is something going round in circles?")
