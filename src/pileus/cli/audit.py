"""`pileus audit`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from .control import ask
from .options import state_option

CLEAN, LEFT, BLIND = 0, 1, 2
_PATIENCE = 600  # seconds: a repair may have many things to do


@click.command()
@state_option
@click.option("--repair", is_flag=True, help="Mend what is safe and certain, and audit again.")
@click.option("--remove-guest", metavar="ID", help="Destroy a guest of no server on this host.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(state: Path, repair: bool, remove_guest: str | None, as_json: bool) -> None:
    """Prove the invariants across database, guests, networks and files.

    Exit status 0: all hold; 1: at least one does not; 2: not everything could be looked at.
    """
    if repair and remove_guest:
        raise click.UsageError("--repair and --remove-guest are two things: do one at a time.")
    path = "/pileus/audit" + (f"?remove-guest={remove_guest}" if remove_guest else "")
    method = "POST" if repair or remove_guest else "GET"
    try:
        found = ask(state, path, _PATIENCE, method)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(BLIND)
    if as_json:
        click.echo(json.dumps(found if repair else found["findings"], indent=2))
    else:
        _tell(found)
    sys.exit(BLIND if found["blind"] else LEFT if found["findings"] else CLEAN)


def _tell(found: dict[str, Any]) -> None:
    if "before" in found:
        _list(found["before"]["findings"])
        for one in found["done"]:
            what = f"FAILED: {one['fault']}" if one["fault"] else one["repair"]
            click.echo(f"repaired: {one['detail']}\n    {what}")
        click.echo(f"{len(found['before']['findings'])} findings before; now:")
    _list(found["findings"])
    for line in found["blind"]:
        click.echo(f"NOT LOOKED AT: {line}")
    mendable = sum(1 for one in found["findings"] if one["repair"])
    if found["findings"]:
        hint = f", {mendable} of which `pileus audit --repair` mends" if mendable else ""
        click.echo(f"{len(found['findings'])} findings{hint}.")
    elif not found["blind"]:
        click.echo("Clean: every invariant holds.")


def _list(findings: list[dict[str, str]]) -> None:
    for one in findings:
        click.echo(f"{one['id']}: {one['sentence']}\n    {one['detail']}")
