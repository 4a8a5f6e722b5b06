"""A durable workflow of two steps on SQLite: our engine, and DBOS, which records and replays.

Then the question that decides: a step is put in front while a workflow is under way. Ours goes on
at the step whose name it stored; DBOS finds another step recorded than the code asks for.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clock import table
from dbos import DBOS

from pileus.core import flow
from pileus.core.db import Database
from pileus.core.engine import Engine
from pileus.core.flow import Flow, Run, Step, by_name
from pileus.core.parts import Parts
from pileus.core.resource import schema

folder = Path(tempfile.mkdtemp())


@DBOS.step()
def first() -> None:
    """Do nothing, durably."""


@DBOS.step()
def second() -> None:
    """Do nothing, or end the process as a power cut would."""
    if sys.argv[1:] == ["crash"]:
        os._exit(9)


@DBOS.step()
def new() -> None:
    """The step that the next version of the code begins with."""


@DBOS.workflow()
def work() -> None:
    """Two steps; in the next version three."""
    if sys.argv[1:] == ["recover"]:
        new()
    first()
    second()


def launch(path: Path) -> None:
    """Start DBOS on a SQLite file; both versions of the code say that they are one."""
    DBOS(
        config={
            "name": "choices",
            "system_database_url": f"sqlite:///{path}",
            "application_version": "1",
            "run_admin_server": False,
            "log_level": "CRITICAL",
        }
    )
    DBOS.launch()


def ours() -> Engine:
    """Our engine with the same two steps."""
    db = Database(f"sqlite:///{folder / 'ours.db'}")
    schema.create_all(db.engine)

    def one(_run: Run) -> None:
        """Do nothing."""

    def two(_run: Run) -> None:
        """Do nothing."""

    return Engine(db, by_name([Flow("bench", Step(one), Step(two))]), Parts())


def compare() -> None:
    """Print both times."""
    engine, numbers = ours(), iter(range(10**9))
    kind = engine.kinds["bench"]

    def run() -> None:
        subject = str(next(numbers))
        engine.db.run(lambda tx: flow.start(tx, kind, subject))
        engine.advance(subject)

    launch(folder / "dbos.db")
    table("a durable workflow of two steps", {"our engine": run, "DBOS": work})
    DBOS.destroy()


def change_under_way() -> None:
    """Crash DBOS in its second step and recover with the next version of the code."""
    place = os.environ | {"CHOICES": str(folder / "change.db")}
    for word in ("crash", "recover"):
        subprocess.run([sys.executable, __file__, word], env=place, check=False)


if sys.argv[1:]:
    launch(Path(os.environ["CHOICES"]))
    if sys.argv[1] == "crash":
        work()
    deadline = time.monotonic() + 30
    ended = ("SUCCESS", "ERROR")
    while (found := DBOS.list_workflows()[0]).status not in ended and time.monotonic() < deadline:
        time.sleep(0.1)
    print(f"DBOS, a step put in front while it ran: {found.status}: {found.error}")
    DBOS.destroy()
else:
    compare()
    change_under_way()
