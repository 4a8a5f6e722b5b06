"""`pileus agent join|status|up|down|leave`: on the machine that is a host."""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path

import click

from ..agent import Identity
from ..agent.connection import Unreachable, server_address
from ..agent.identity import NotJoined
from ..agent.join import join as ask_to_join
from ..agent.join import leave as ask_to_leave
from ..config import JOINED_VCPUS
from ..host.place import HostError
from ..hosts import Refusal, Timing, Token
from ..pidfile import running
from . import host, process
from .options import (
    agent_state_option,
    check_devices,
    check_processors,
    dedicated_cpus_option,
    pci_device_spec_option,
)
from .steps import step

_STATUS = "agent-status.json"


@click.command()
@click.argument("url")
@agent_state_option
@click.option("--token", "text", required=True, help="From `pileus agent token create`.")
@click.option("--name", help="What the cloud calls this host.  [its hostname]")
@click.option("--simulate", is_flag=True, help="A simulated host, of a simulated cloud.")
@click.option(
    "--tunnel-address", metavar="ADDRESS", help="Where other hosts reach this one's tunnels."
)
@dedicated_cpus_option
@pci_device_spec_option
@click.option("--foreground", is_flag=True, help="Stay in the foreground.")
def join(
    url: str,
    state: Path,
    text: str,
    name: str | None,
    simulate: bool,
    tunnel_address: str | None,
    dedicated_cpus: str | None,
    pci_device_spec: str | None,
    foreground: bool,
) -> None:
    """Make this machine a host of the cloud whose agent port is at URL (ADDRESS:PORT)."""
    if not simulate and os.geteuid() != 0:
        raise click.ClickException(
            "Real guests and networks need root: run this as root, or add --simulate."
        )
    try:
        token, server = Token.parse(text), server_address(url)
    except ValueError as wrong:
        raise click.ClickException(str(wrong)) from None
    check_processors(dedicated_cpus or "", JOINED_VCPUS if simulate else 0)
    check_devices(pci_device_spec or "", simulate)
    with process.alone(state):
        if running(state) is not None:
            raise click.ClickException(
                f"The host in {state} has joined and runs: `pileus agent status` says how it is."
            )
        try:
            given = (tunnel_address or "", dedicated_cpus or "", pci_device_spec or "")
            identity = Identity.begin(state, name or _name(state), server, simulate, *given)
            if not simulate:
                host.prepare(identity)
            with step(f"joining {server} as {identity.name}"):
                asyncio.run(ask_to_join(identity, token, Timing()))
        except (NotJoined, Refusal, Unreachable, HostError) as wrong:
            raise click.ClickException(str(wrong)) from None
        if not simulate:
            host.at_boot(identity)
        _start(state, foreground)


def _name(state: Path) -> str:
    """The name that this host has, or is given as its first."""
    try:
        return Identity.read(state).name
    except NotJoined:
        return socket.gethostname()


def _start(state: Path, foreground: bool) -> None:
    if foreground:
        from ..joined import work

        work(state)
        return
    (state / _STATUS).unlink(missing_ok=True)
    with step("agent"):
        pid = process.started(state, "pileus.joined", lambda: _connected(state), "The agent", 60)
    click.echo(f"This host's agent runs (process {pid}); `pileus agent status` says how it is.")


def _connected(state: Path) -> bool:
    return bool(_status(state)["connected"])


def _status(state: Path) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads((state / _STATUS).read_text())
    except FileNotFoundError:
        return {"connected": False, "trouble": "it has only just started"}
    return found


@click.command()
@agent_state_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(state: Path, as_json: bool) -> None:
    """Say how this host is. Exit status 0: connected; 1: not now; 3: its agent does not run."""
    identity = _identity(state)
    pid = running(state)
    found = _status(state)
    connected = pid is not None and bool(found["connected"])
    trouble = "" if connected else str(found["trouble"])
    until = identity.expires_at().isoformat(sep=" ", timespec="minutes")
    if as_json:
        values = {
            "host": identity.name,
            "id": identity.id,
            "server": identity.server,
            "pid": pid,
            "connected": connected,
            "trouble": trouble,
            "certificate_until": until,
        }
        click.echo(json.dumps(values, indent=2))
    else:
        click.echo(f"host:          {identity.name} ({identity.id})")
        click.echo(f"control plane: {identity.server}, {'' if connected else 'not '}connected")
        click.echo(f"agent:         {f'process {pid}' if pid else 'does not run'}")
        click.echo(f"certificate:   good until {until} UTC")
        if trouble:
            click.echo(f"trouble:       {trouble}")
    sys.exit(0 if connected else 1 if pid else 3)


def _identity(state: Path) -> Identity:
    try:
        return Identity.load(state)
    except NotJoined as wrong:
        raise click.ClickException(str(wrong)) from None


@click.command()
@agent_state_option
@click.option("--foreground", is_flag=True, help="Stay in the foreground.")
def up(state: Path, foreground: bool) -> None:
    """Start the agent of a host that has joined."""
    _identity(state)
    with process.alone(state):
        pid = running(state)
        if pid is not None:
            click.echo(f"This host's agent runs already (process {pid}).")
            return
        _start(state, foreground)


@click.command()
@agent_state_option
@click.option("--guests", is_flag=True, help="Stop the guests and every daemon as well.")
def down(state: Path, guests: bool) -> None:
    """Stop the agent. Guests keep running, and nothing new is done on this host."""
    identity = _identity(state)
    with process.alone(state):
        stopped = process.stop(state)
        if guests and not identity.simulated:
            host.stop(identity)
    if not stopped:
        click.echo("The agent was not running.")


@click.command()
@agent_state_option
@click.option("--force", is_flag=True, help="Without telling the control plane, if it is gone.")
def leave(state: Path, force: bool) -> None:
    """Be no host any more. No server may be on it; images and logs are left in place."""
    identity = _identity(state)
    with process.alone(state):
        if not force:
            try:
                with step("leaving"):
                    asyncio.run(ask_to_leave(identity, Timing()))
            except (Refusal, Unreachable) as wrong:
                raise click.ClickException(str(wrong)) from None
        process.stop(state)
        if not identity.simulated:
            host.uninstall(identity)
        identity.forget()
    click.echo(f"This machine is no host of {identity.server} any more.")
