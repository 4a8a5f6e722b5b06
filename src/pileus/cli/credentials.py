"""`pileus credentials`."""

from pathlib import Path

import click

from .control import configured
from .database import refuse_newer
from .options import state_option


@click.group()
def credentials() -> None:
    """Look after users' sealed credentials (EC2 keys, seeds of one-time passwords)."""


@credentials.command()
@state_option
def rotate(state: Path) -> None:
    """Make a new key and seal every credential by it; the cloud may run meanwhile.

    The key before stays until the next rotation. Processes on other hosts need the new file of
    credential-keys first: copy it there before they serve again.
    """
    from .. import identity
    from ..core.db import Database
    from ..core.errors import Fault

    config = configured(state)
    refuse_newer(config)
    db = Database(config.database_url)
    try:
        done = identity.rotate(db, identity.CredentialKeys(config.shared / "credential-keys"))
    except (ValueError, Fault) as wrong:
        raise click.ClickException(str(wrong)) from None
    finally:
        db.close()
    gone = f" Removed: {', '.join(map(str, done.removed))}." if done.removed else ""
    click.echo(f"Key {done.key} seals now; {done.rows} credentials sealed anew.{gone}")
