"""Options that several commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..compute.pci import spec
from ..host.processors import parse, written

F = TypeVar("F", bound=Callable[..., Any])


def default_state() -> Path:
    """Where a cloud lives unless --state says otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/pileus")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(data) / "pileus"


def agent_state() -> Path:
    """Where a joined host lives unless --state says otherwise."""
    return default_state().with_name("pileus-agent")


def _state(default: Callable[[], Path], shown: str, holds: str) -> Callable[[F], F]:
    """`--state DIR`, resolved."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
        default=default,
        show_default=shown,
        help=holds,
    )


def _processors(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """The list of processors, if it is one. Raises ClickException."""
    if text:
        try:
            parse(text)
        except ValueError as wrong:
            raise click.ClickException(f"--dedicated-cpus: {wrong}.") from None
    return text


def check_processors(text: str, simulated: int) -> None:
    """See that the machine has these processors. Raises ClickException.

    simulated: how many a simulated host has; 0 for a real one.
    """
    count = simulated or os.cpu_count() or 1
    odd = [cpu for cpu in parse(text) if cpu >= count] if text else []
    if odd:
        raise click.ClickException(
            f"--dedicated-cpus {text}: this host has no processors {written(odd)}, only 0 to"
            f" {count - 1}."
        )


def _devices(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """The devices' specs, if they are some. Raises ClickException."""
    check_devices(text or "", simulated=False)
    return text


def check_devices(text: str, simulated: bool) -> None:
    """See that a host, maybe a simulated one, can have such devices. Raises ClickException."""
    try:
        found = spec.parse(text)
        if simulated:
            spec.simulated(found)
    except ValueError as wrong:
        raise click.ClickException(f"--pci-device-spec: {wrong}.") from None


pci_device_spec_option = click.option(
    "--pci-device-spec",
    metavar="JSON",
    callback=_devices,
    help="This machine's PCI devices that guests may have, in nova's words, such as"
    ' {"vendor_id": "10de", "product_id": "1eb8"}, or a list of such (docs/scheduling.md).',
)
dedicated_cpus_option = click.option(
    "--dedicated-cpus",
    metavar="CPUS",
    callback=_processors,
    help="This machine's processors that guests may have to themselves, such as 2-7.",
)
agent_state_option = _state(
    agent_state,
    "/var/lib/pileus-agent, or ~/.local/share/pileus-agent without root",
    "The host's directory: identity, key, images, log.",
)
state_option = _state(
    default_state,
    "/var/lib/pileus, or ~/.local/share/pileus without root",
    "The cloud's directory: database, images, overlays, sockets, logs.",
)
