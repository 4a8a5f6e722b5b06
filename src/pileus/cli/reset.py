"""`pileus reset`."""

import os
import signal
import time
from pathlib import Path

import click

from ..pidfile import running
from . import process
from .control import configured
from .options import state_option
from .steps import step


@click.command()
@state_option
@click.option("--seconds", default=120, show_default=True, help="How long it may take.")
def reset(state: Path, seconds: int) -> None:
    """Bring a running cloud back to its first start: no server, no port, no row of a user's.

    Passwords and addresses stay; with `up --seed` the ids are those of the first start again.
    """
    configured(state)
    pid = running(state)
    if pid is None:
        raise click.ClickException(f"The cloud in {state} does not run; `pileus up` starts it.")
    marker = state / "resets"
    before = marker.read_text() if marker.exists() else ""
    with process.alone(state), step("first start"):
        os.kill(pid, signal.SIGUSR1)
        deadline = time.monotonic() + seconds
        while not marker.exists() or marker.read_text() == before:
            if running(state) is None or time.monotonic() > deadline:
                raise click.ClickException(
                    f"The reset did not end; {process.log_file(state)} says why."
                    f" `pileus up --state {state}` brings the cloud back."
                )
            time.sleep(0.01)
