"""Serves a cloud as `pileus up` does, and dies by SIGKILL at the moment of a flow that it is told.

    python -m tests.killed.victim <state>

The file `kill` in the state directory names a kind of flow, and a moment of it behind a blank. What
is met of that kind is written to the file `met`; at that moment the process dies. A step's moments:

    begun         it is to be done for the first time
    waits, left   it waits for something: its transaction is to be committed, was committed
    done, kept    it is done: its transaction is to be committed, was committed
"""

import os
import signal
import sys
import threading
from pathlib import Path

from pileus.core.engine import Engine
from pileus.core.flow import Run, Step, Wait
from pileus.serve import serve
from pileus.settings import load

_AFTER = {"waits": "left", "done": "kept"}


class Victim:
    """Meets every moment of every flow."""

    def __init__(self, state: Path) -> None:
        self._order, self._met = state / "kill", state / "met"
        self._here = threading.local()

    def lay(self) -> None:
        """Lie in wait in the engine."""
        act, one_step = Engine._act, Engine._one_step

        def watched_act(engine: Engine, step: Step, run: Run) -> Wait | None:
            row = run.row
            at = f"{step.name}{' undone' if row.undoing else ''}"
            self._meet(row.kind, f"{at} begun")
            waiting = act(engine, step, run)
            moment = "done" if waiting is None else "waits"
            self._meet(row.kind, f"{at} {moment}")
            self._here.after = row.kind, f"{at} {_AFTER[moment]}"
            return waiting

        def watched_step(engine: Engine, subject: str) -> bool:
            self._here.after = None
            more = one_step(engine, subject)
            if self._here.after is not None:
                self._meet(*self._here.after)
            return more

        Engine._act = watched_act
        Engine._one_step = watched_step

    def _meet(self, kind: str, moment: str) -> None:
        try:
            wanted, _, deadly = self._order.read_text().partition(" ")
        except FileNotFoundError:
            return
        if kind == wanted:
            with self._met.open("a") as file:
                file.write(moment + "\n")
            if moment == deadly:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Victim(Path(sys.argv[1])).lay()
    serve(load(Path(sys.argv[1])))
