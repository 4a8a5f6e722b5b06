"""`pileus upgrade`."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import click

from .. import handover, settings
from ..config import Config
from ..pidfile import running
from ..version import VERSION
from . import process
from .control import ask, configured
from .options import state_option
from .steps import step

_PATIENCE = 180


@click.command()
@state_option
def upgrade(state: Path) -> None:
    """Let this version take over from the one that runs, guests untouched.

    The database is expanded while the older version serves; then each process of this machine is
    replaced, one after the other; at last what only the older version used is taken away.
    """
    config = configured(state)
    left = _expand(config)
    places = _places(config)
    here = [Path(one["state"]) for one in places if one["here"]] or [state]
    for one in here:
        with process.alone(one):
            _roll(settings.load(one))
    elsewhere = sorted({f"{p['machine']} ({p['version']})" for p in places if not p["here"]})
    if left:
        with step("contract"):
            left = _expand(config)
    if left:
        who = ", ".join(elsewhere) or "a process that does not answer"
        click.echo(
            f"Older processes still serve: {who}. Upgrade there too; the last step"
            f" ({', '.join(left)}) follows by itself within seconds of the last one's end."
        )
    click.echo(f"The cloud in {state} is at version {VERSION}.")


def _expand(config: Config) -> list[str]:
    """Apply what may be applied now; what has to wait."""
    from .. import migrations
    from ..core.db import Database

    db = Database(config.database_url)
    try:
        return migrations.upgrade(db)
    except migrations.WrongSchema as wrong:
        raise click.ClickException(str(wrong)) from None
    finally:
        db.close()


def _places(config: Config) -> list[dict[str, Any]]:
    import socket

    from ..core.census import living
    from ..core.db import Database

    db = Database(config.database_url)
    try:
        found = db.read(living)
    finally:
        db.close()
    mine = socket.gethostname()
    return [vars(one) | {"here": one.machine == mine} for one in found]


def _roll(config: Config) -> None:
    """Replace the process of one state directory; start one where none runs."""
    state = config.state
    pid = running(state)
    what = f"{state}: version {VERSION}"
    if pid is None:
        with step(what):
            process.start(config)
        return
    before = ask(state, "/pileus/status")
    if before.get("version") == VERSION and before["code"] == _code():
        click.echo(f"  ✓ {state}: version {VERSION} runs already")
        return
    with step(what):
        if "version" not in before:  # too old to hand over: its port is closed for a moment
            process.stop(state)
            process.start(config)
            return
        argv = [sys.executable, "-m", "pileus.serve", str(state)]
        handover.order(state, argv, {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)})
        os.kill(pid, signal.SIGUSR2)
        _until_replaced(state, before["started_at"])


def _code() -> str:
    return str(Path(__file__).parents[1])


def _until_replaced(state: Path, started_at: float) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and running(state) is not None:
        try:
            if ask(state, "/pileus/status", 5)["started_at"] != started_at:
                return
        except click.ClickException:
            time.sleep(0.05)  # it is between the two
        time.sleep(0.05)
    handover.withdraw(state)
    raise click.ClickException(
        f"The new version did not take over; {process.log_file(state)} says why. The database has"
        f" been expanded, which the older version does not mind: `pileus up --state {state}` of"
        " either version starts it where it does not run."
    )
