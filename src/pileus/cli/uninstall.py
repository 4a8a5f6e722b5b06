"""`pileus uninstall`."""

import contextlib
import os
from pathlib import Path

import click

from .. import settings
from ..config import Config
from ..host.place import HostError, Place
from . import belongings, clouds, process
from .options import state_option
from .steps import step


@click.command()
@state_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall(state: Path, yes: bool) -> None:
    """Remove all that Pileus made and installed for this cloud, and list what it leaves.

    Also for a cloud that was set up half.
    """
    config = _found(state)
    if not yes:
        click.confirm(f"Remove the cloud in {state} with all its guests and images?", abort=True)
    left: list[str] = []
    with process.alone(state):
        with step("control plane"):
            process.stop(state)
        if not config.simulate:
            left += _real(config)
        with step("clouds.yaml"):
            try:
                clouds.take_away(config)
            except click.ClickException as wrong:
                left.append(wrong.message)
        with step(str(state)):
            if not belongings.remove(state):
                left.append(f"{state} (with {', '.join(belongings.foreign(state))} in it)")
    if config.database:
        from .database import shown

        left.append(f"{shown(config.database)} (the database: dropdb removes it)")
    left.append(f"{Path(__file__).parents[3]} (this checkout, with its Python environment)")
    if (wheels := _pip_cache()).exists():
        left.append(f"{wheels} (packages that pip has fetched or built, for anybody's next use)")
    click.echo("Left in place:")
    for thing in left:
        click.echo(f"  {thing}")


def _found(state: Path) -> Config:
    """The cloud's settings, or what stands in for them where it never got so far."""
    if settings.exists(state):
        try:
            return settings.load(state)
        except settings.Unreadable as wrong:
            click.echo(f"{wrong}", err=True)
            return Config(state=state)
    begun = state.exists() and any(state.iterdir()) and not belongings.foreign(state)
    if not begun and not Place(state).run.exists():
        raise click.ClickException(f"There is no cloud in {state}.")
    return Config(state=state)


def _pip_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pip"


def _real(config: Config) -> list[str]:
    from ..host import packages
    from ..host.images.cache import default_cache
    from . import real

    if os.geteuid() != 0:
        raise click.ClickException("This cloud has real guests and networks: removing needs root.")
    left = []
    try:
        real.remove(config.state, real.fabric(config))
        with contextlib.suppress(OSError):  # other clouds have theirs in it
            Place(config.state).run.parent.rmdir()
        with step("Debian packages"):
            said: list[str] = []
            gone = packages.uninstall(config.state, said.append)
            left += [line for line in said if "kept" in line]
    except HostError as wrong:
        raise click.ClickException(f"{wrong}\nMend that, and `pileus uninstall` again.") from None
    cache = default_cache()
    if cache.exists():
        left.append(f"{cache} (built images, for the next cloud)")
    if gone:
        left.append(
            f"what {len(gone)} purged Debian packages leave by themselves (apt's cache and logs,"
            " system accounts, empty folders)"
        )
    return left
