"""A further process of a cloud that has a database of its own."""

import socket
from dataclasses import replace
from pathlib import Path

import click

from .. import settings
from ..config import Config


def joined(state: Path, other: Path) -> Config:
    """The settings of a process in `state` that shares its cloud with the one in `other`.

    Raises ClickException when that one cannot be shared.
    """
    if other == state:
        raise click.ClickException("--join wants the --state of another process of the cloud.")
    if not settings.exists(other):
        raise click.ClickException(f"--join {other}: there is no cloud in it.")
    found = settings.load(other)
    if not found.database:
        raise click.ClickException(
            f"--join {other}: that cloud keeps its rows in SQLite, which has room for one process."
            " Give it a server with `pileus up --database` when you make it."
        )
    if not found.simulate:
        raise click.ClickException(
            f"--join {other}: that cloud has real guests, and a second control plane for one is"
            " not offered yet; further hosts join it as agents."
        )
    if not (found.shared / "vault.key").exists():
        raise click.ClickException(
            f"--join {other}: {found.shared} does not hold the cloud's keys; start it first."
        )
    return replace(
        found,
        state=state,
        commons=found.shared,
        catalog=found.catalog_url,
        public_url="",
        tls_cert=None,
        tls_key=None,
        clouds_file=None,
        agent_listen="",
        host=f"{socket.gethostname()}-{state.name}",
    )
