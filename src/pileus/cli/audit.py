"""`pileus audit`."""

import json
import sys
from pathlib import Path

import click

from .control import ask
from .options import state_option


@click.command()
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(state: Path, as_json: bool) -> None:
    """Prove the invariants across database, guests, networks and files.

    Exit status 0: all hold; 1: at least one does not.
    """
    findings = ask(state, "/pileus/audit")["findings"]
    if as_json:
        click.echo(json.dumps(findings, indent=2))
    for found in [] if as_json else findings:
        click.echo(f"{found['id']}: {found['sentence']}\n    {found['detail']}")
    if not as_json:
        click.echo(f"{len(findings)} findings." if findings else "Clean: every invariant holds.")
    sys.exit(1 if findings else 0)
