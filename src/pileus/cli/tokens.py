"""`pileus tokens`."""

import time
from pathlib import Path

import click

from .control import configured
from .options import state_option


@click.group()
def tokens() -> None:
    """Look after the keys that tokens are made by."""


@tokens.command()
@state_option
def rotate(state: Path) -> None:
    """Make tokens by the next key from now on; nobody is logged out, and the cloud may run.

    Every control plane that sees these files follows at once. Where one has copies of its own, copy
    them there after each rotation: the next key is known beforehand. Keys that no living token can
    need are removed.
    """
    from .. import identity

    try:
        done = identity.rotate_token_keys(configured(state), time.time())
    except (OSError, ValueError) as wrong:
        raise click.ClickException(str(wrong)) from None
    for one in done:
        gone = f" Removed: {', '.join(map(str, one.removed))}." if one.removed else ""
        click.echo(f"{one.folder}: key {one.number} makes tokens now.{gone}")
