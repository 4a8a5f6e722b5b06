"""`pileus definitions`."""

from pathlib import Path
from typing import Literal

import click

from .. import settings
from .options import state_option


@click.command()
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)
)
@click.option("--merge", is_flag=True, help="Add to namespaces that are there what they lack.")
@click.option("--replace", is_flag=True, help="Put the files' namespaces in place of those there.")
@state_option
def definitions(folder: Path, merge: bool, replace: bool, state: Path) -> None:
    """Load metadata definitions (namespaces) from a FOLDER of JSON files.

    Upstream publishes its standard ones in such a form. Namespaces that are there stay as they are,
    unless an option says otherwise. All files are taken, or none.
    """
    from .. import image
    from ..core.db import Database

    if merge and replace:
        raise click.UsageError("--merge and --replace are two things: choose one.")
    if not settings.exists(state):
        raise click.ClickException(f"There is no cloud in {state}: `pileus up` first.")
    mode: Literal["new", "merge", "replace"] = "merge" if merge else "replace" if replace else "new"
    try:
        bodies = image.read_definitions(folder)
    except image.BadDefinitions as wrong:
        raise click.ClickException(str(wrong)) from None
    db = Database(settings.load(state).database_url)
    try:
        written = db.run(lambda tx: image.load_definitions(tx, bodies, mode))
    finally:
        db.close()
    left = len(bodies) - written
    click.echo(f"{written} namespaces loaded" + (f", {left} left as they are." if left else "."))
