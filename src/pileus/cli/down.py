"""`pileus down`."""

from pathlib import Path

import click

from . import process
from .control import configured
from .options import state_option
from .steps import step


@click.command()
@state_option
@click.option("--guests", is_flag=True, help="Stop the guests and every daemon as well.")
def down(state: Path, guests: bool) -> None:
    """Stop the cloud. Guests keep running, as they do when a hypervisor's service restarts."""
    config = configured(state)
    with process.alone(state):
        with step("control plane"):
            stopped = process.stop(state)
        if guests and not config.simulate:
            from .real import stop_guests

            stop_guests(config)
    if not stopped:
        click.echo(f"The cloud in {state} was not running.")
