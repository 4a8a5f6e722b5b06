"""The agent asks again where asking again can help."""

import queue
from collections.abc import Mapping, Sequence
from typing import Any

from pileus.agent import Agent
from pileus.core.backend import Broken, Refused
from pileus.core.clock import RealClock
from pileus.core.desired import Report, Wanted


class Line:
    """A channel with one wish in it."""

    def __init__(self) -> None:
        self.wishes: queue.SimpleQueue[Wanted | None] = queue.SimpleQueue()
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()

    def watch(self, revision: int, seconds: float) -> Sequence[Wanted]:
        wish = self.wishes.get()
        return [wish] if wish else []

    def report(self, reports: Sequence[Report]) -> None:
        for report in reports:
            self.reports.put(report)

    def hang_up(self) -> None:
        self.wishes.put(None)


class Fails:
    """A handler that fails once in the given way and then does what it is asked."""

    def __init__(self, problem: Exception) -> None:
        self.problem: Exception | None = problem

    def apply(self, key: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        problem, self.problem = self.problem, None
        if problem is not None:
            raise problem
        return {"power": "running"}

    def remove(self, key: str) -> None:
        pass

    def observe(self) -> Mapping[str, Mapping[str, Any]]:
        return {}

    def leftovers(self) -> Sequence[str]:
        return ()


def _reported(problem: Exception) -> Report:
    line = Line()
    agent = Agent(line, {"guest": Fails(problem)}, RealClock())
    agent.start()
    try:
        line.wishes.put(Wanted("guest", "one", 1, {}))
        return line.reports.get(timeout=30)
    finally:
        agent.stop()


def test_a_broken_back_end_is_asked_again() -> None:
    assert _reported(Broken("libvirtd is gone")).state == {"power": "running"}


def test_what_was_refused_is_reported_at_once() -> None:
    assert _reported(Refused("no such image")).state == {"error": "no such image"}
