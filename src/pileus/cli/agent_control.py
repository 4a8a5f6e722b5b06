"""`pileus agent token|list|remove`: on the control plane's machine, through its API.

Through the API and not directly on the database, because joining needs a running control plane
anyway, and because it alone knows what a removal has to end.
"""

import json
from pathlib import Path
from urllib.parse import urlencode

import click

from .address import agent_address
from .control import ask, configured
from .options import state_option


@click.group()
def token() -> None:
    """Tokens to join with."""


@token.command()
@state_option
@click.option("--host", metavar="NAME", help="Only for a host of this name.")
@click.option(
    "--many",
    type=click.IntRange(1),
    help="For so many simulated hosts, HOST-00000 and following: for `pileus sim`.",
)
@click.option("--hours", type=click.FloatRange(0, 720, min_open=True), default=24.0)
@click.option("--quiet", is_flag=True, help="Print the token alone.")
def create(state: Path, host: str | None, many: int | None, hours: float, quiet: bool) -> None:
    """Print a token with which one machine may join, once; with --many, a simulated fleet."""
    config = configured(state)
    if many and not host:
        raise click.ClickException("--many wants a --host, with which the hosts' names begin.")
    given = {"hours": hours, "host": host, "many": many}
    query = urlencode({name: value for name, value in given.items() if value})
    made = ask(state, f"/pileus/agents/token?{query}", method="POST")["token"]
    if quiet:
        click.echo(made)
        return
    if many:
        click.echo(
            f"Within {hours:g} hours, on the machine that simulates them:\n\n"
            f"  pileus sim {agent_address(config)} --hosts {many} --name {host} --token {made}\n"
        )
        return
    name = f" --name {host}" if host else ""
    kind = " --simulate" if config.simulate else ""
    click.echo(
        f"Within {hours:g} hours, on the machine that joins:\n\n"
        f"  pileus agent join {agent_address(config)}{name}{kind} --token {made}\n"
    )


@click.command("list")
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(state: Path, as_json: bool) -> None:
    """The hosts that have joined."""
    configured(state)
    found = ask(state, "/pileus/agents")
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found["listen"]:
        click.echo("This cloud has no agent port: `pileus up --agent-listen ADDRESS:PORT`.")
    for host in found["hosts"]:
        since = host["connected_at"] or "never"
        click.echo(f"{host['host']:24} {host['address']:24} last connected {since}, {host['id']}")
    if not found["hosts"]:
        click.echo("No host has joined.")


@click.command()
@click.argument("host")
@state_option
def remove(host: str, state: Path) -> None:
    """Forget a host, and refuse its certificates from now on. No server may be on it."""
    configured(state)
    ask(state, f"/pileus/agents/remove?{urlencode({'host': host})}", method="POST")
    click.echo(f"Host {host} is removed; its certificates are revoked.")
