"""`pileus logs`."""

import time
from pathlib import Path

import click

from . import process
from .options import state_option


@click.command()
@state_option
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added.")
@click.option(
    "-n",
    "--lines",
    default=50,
    show_default=True,
    help="How many lines to begin with.",
    type=click.IntRange(0),
)
def logs(state: Path, follow: bool, lines: int) -> None:
    """Show the control plane's log: a JSON object a line, each with its request id."""
    path = process.log_file(state)
    if not path.exists():
        raise click.ClickException(f"There is no log in {state} yet.")
    with path.open(errors="replace") as file:
        for line in file.readlines()[-lines:] if lines else []:
            click.echo(line, nl=False)
        while follow:
            line = file.readline()
            if line:
                click.echo(line, nl=False)
            elif path.stat().st_size < file.tell():
                file.seek(0)  # it was cut because it had grown long
            else:
                time.sleep(0.2)
