"""Options that several commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
