"""`pileus restore`."""

from pathlib import Path

import click

from .. import backup as backups
from .. import migrations
from ..version import VERSION
from . import database as store
from .options import state_option


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)
)
@state_option
@click.option("--database", metavar="URL", envvar="PILEUS_DATABASE", help="The one to fill.")
def restore(file: Path, state: Path, database: str | None) -> None:
    """Put the backup FILE into an empty state directory; `pileus up` starts it then.

    The whole file is checked before anything is written. What was kept in PostgreSQL is put into
    an empty database there: --database, or the one that the backup names.
    """
    if database:
        store.unshow(database)
        database = store.checked(database)
    try:
        found = backups.restore(file, state, migrations.known(), VERSION, database or "")
    except backups.BadBackup as wrong:
        raise click.ClickException(f"Nothing was restored: {wrong}") from None
    click.echo(
        f"{state}: the cloud of {found.made_at}, {sum(found.counts.values())} rows"
        + ("" if found.images else ", without the images' bytes")
        + f"\nNext: pileus up --state {state}\n"
        "      pileus audit --state "
        f"{state}   (what hosts have that is newer is reported there, and kept)"
    )
