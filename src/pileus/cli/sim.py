"""`pileus sim`."""

import os
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import click

from ..agent.connection import server_address
from ..hosts import Token
from ..sim import Plan
from ..sim.fleet import Fleet
from .address import agent_address
from .control import ask, configured
from .options import default_state, state_option


@click.command()
@click.argument("url", required=False)
@state_option
@click.option("--hosts", type=click.IntRange(1, 100_000), required=True, help="How many.")
@click.option("--token", help="From `pileus agent token create --host NAME --many HOSTS`.")
@click.option("--name", default="sim", show_default=True, help="Names are NAME-00000, -00001 …")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    default=lambda: default_state().with_name("pileus-sim"),
    show_default="/var/lib/pileus-sim, or ~/.local/share/pileus-sim without root",
    help="Where the hosts live: identities and guests, kept until you remove it.",
)
@click.option("--processes", type=click.IntRange(1, 256), help="[one per 2,500 hosts]")
@click.option("--fail", type=click.FloatRange(0, 1), default=0.0, help="Share of calls that fail.")
@click.option("--delay", type=click.FloatRange(0), default=0.0, help="Mean seconds of a call.")
@click.option("--churn", type=click.FloatRange(0), default=0.0, help="Share that leaves a minute.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of failures and delays.")
def sim(
    url: str | None,
    state: Path,
    hosts: int,
    token: str | None,
    name: str,
    folder: Path,
    processes: int | None,
    fail: float,
    delay: float,
    churn: float,
    seed: int,
) -> None:
    """Simulate hosts that join the simulated cloud at URL, or the one in --state, until Ctrl-C.

    Each host has its own identity and its own connection. Started again with the same folder they
    are the same hosts with the same guests.
    """
    if url is None:
        config = configured(state)
        url = agent_address(config) if config.agent_listen else ""
        query = urlencode({"host": name, "many": hosts})
        token = token or str(ask(state, f"/pileus/agents/token?{query}", method="POST")["token"])
    try:
        server = server_address(url)
        if token:
            Token.parse(token)
    except ValueError as wrong:
        raise click.ClickException(str(wrong)) from None
    plan = Plan(
        server=server,
        folder=str(folder),
        name=name,
        hosts=hosts,
        processes=processes or min(-(-hosts // 2500), os.cpu_count() or 1),
        token=token or "",
        fail=fail,
        delay=delay,
        churn=churn,
        seed=seed,
    )
    _run(Fleet(plan), hosts)


def _run(fleet: Fleet, hosts: int) -> None:
    """Say how the fleet is until Ctrl-C, or until one of its processes fails."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    begun, told = time.monotonic(), (0, 0, 0)
    try:
        while not fleet.ended():
            now = fleet.count("joined"), fleet.count("connected"), fleet.count("refused")
            if now != told:
                told = now
                _tell(f"{time.monotonic() - begun:6.1f} s", hosts, now, fleet.trouble)
            time.sleep(1)
        raise click.ClickException(
            "A process of the simulated fleet has failed; it said why above."
        )
    except KeyboardInterrupt:
        click.echo("\nStopping; the hosts and their guests are kept for the next time.")
    finally:
        fleet.stop()


def _tell(when: str, hosts: int, now: tuple[int, int, int], trouble: str) -> None:
    joined, connected, refused = now
    line = f"{when}: {joined} of {hosts} simulated hosts joined, {connected} connected"
    line += f", {refused} refused" if refused else ""
    line += f" ({trouble})" if trouble and connected < hosts else ""
    if sys.stdout.isatty():
        click.echo(f"\r\033[K{line}", nl=False)
    else:
        click.echo(line)
