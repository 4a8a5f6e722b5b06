"""`pileus backup`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from .. import backup as backups
from ..version import VERSION
from .control import configured
from .options import state_option


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, resolve_path=True))
@state_option
@click.option("--without-images", is_flag=True, help="Leave the images' bytes out.")
def backup(file: Path, state: Path, without_images: bool) -> None:
    """Write all of the control plane's state to FILE, while the cloud runs.

    Database, keys, settings and images, as they are at one moment. FILE holds every secret of the
    cloud: only its owner can read it. Guests' disks are not in it.
    """
    config = configured(state)
    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        made = backups.backup(config, file, VERSION, now, not without_images)
    except backups.BadBackup as wrong:
        raise click.ClickException(f"No backup was made: {wrong}") from None
    size = file.stat().st_size / (1 << 20)
    images = sum(name.startswith("images/") for name in made.files)
    click.echo(
        f"{file}: {size:.1f} MB, {sum(made.counts.values())} rows, "
        + (f"{images} images" if made.images else "without images")
    )
