"""`pileus explain`."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from .control import ask
from .options import state_option


@click.group()
def explain() -> None:
    """Say why a server found no host, or how many servers of a flavor would find one."""


@explain.command()
@click.argument("id")
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def server(id: str, state: Path, as_json: bool) -> None:
    """What ruled hosts out when the server was made, and what would for one like it now."""
    found = ask(state, f"/pileus/explain?{urlencode({'server': id})}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    where = f"on host {found['host']}" if found["host"] else "on no host"
    click.echo(f"Server {found['server']} is {found['status']}, {where}.")
    if found["then"]:
        click.echo("When it was made:")
        _funnel(found["then"])
    click.echo("For one like it, now:")
    _funnel(found["now"])
    if found["now"]["fit"]:
        click.echo(f"  It would fit on {', '.join(found['now']['fit'][:10])}.")


@explain.command()
@click.argument("name")
@state_option
@click.option("--count", default=1, show_default=True, help="How many are wanted.")
@click.option("--zone", default="", help="In this availability zone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def flavor(name: str, state: Path, count: int, zone: str, as_json: bool) -> None:
    """How many servers of a flavor fit now, and of what hosts have least.

    Exit status 1 when fewer fit than are wanted.
    """
    asked = urlencode({"flavor": name, "count": count, "zone": zone})
    found = ask(state, f"/pileus/explain?{asked}")
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        each = ", ".join(f"{amount} {name}" for name, amount in found["each"].items())
        click.echo(f"Flavor {found['flavor']}: {each} each.")
        _funnel(found["funnel"])
        hosts = f"{found['hosts']} host{'' if found['hosts'] == 1 else 's'}"
        fit, wanted = found["fit"], f"{count} {'is' if count == 1 else 'are'} wanted"
        click.echo(f"{fit} {'fits' if fit == 1 else 'fit'} on {hosts}; {wanted}.")
        for scarce, number in found["limited_by"].items():
            click.echo(f"  {scarce} runs out first on {number} of them.")
    if not found["enough"]:
        raise SystemExit(1)


def _funnel(found: dict[str, Any]) -> None:
    for text in funnel_lines(found):
        click.echo(text)


def funnel_lines(found: dict[str, Any]) -> list[str]:
    """A line for how many hosts there are, and one for each constraint."""
    count = found["hosts"]
    lines = [f"  {count:>6}  host{'' if count == 1 else 's'}"]
    for step in found["steps"]:
        less = f" (-{step['removed']})" if step["removed"] else ""
        lines.append(f"  {step['left']:>6}  left by {step['constraint']}{less}")
    return lines
