"""`pileus uninstall`."""

import shutil
from pathlib import Path

import click

from . import clouds, process
from .control import configured
from .options import state_option
from .steps import step


@click.command()
@state_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall(state: Path, yes: bool) -> None:
    """Remove all that Pileus made and installed for this cloud, and list what it leaves."""
    config = configured(state)
    if not yes:
        click.confirm(f"Remove the cloud in {state} with all its guests and images?", abort=True)
    left: list[str] = []
    with process.alone(state):
        with step("control plane"):
            process.stop(state)
        if not config.simulate:
            left += _real(state)
        with step("clouds.yaml"):
            file = config.clouds_file or clouds.default_file()
            clouds.remove(file, {config.cloud_name, f"{config.cloud_name}-demo"})
        with step(str(state)):
            shutil.rmtree(state)
    left.append(f"{Path(__file__).parents[3]} (this checkout, with its Python environment)")
    click.echo("Left in place:")
    for thing in left:
        click.echo(f"  {thing}")


def _real(state: Path) -> list[str]:
    from ..host import packages
    from ..host.images.cache import default_cache
    from ..host.libvirtd import Libvirtd
    from ..host.place import Place
    from . import boot
    from .real import fabric

    config = configured(state)
    with step("guests, libvirtd, network"):
        engine = Libvirtd(state)
        engine.kill_guests()
        engine.uninstall()
        fabric(config).uninstall()
        shutil.rmtree(Place(state).run, ignore_errors=True)
        boot.disable(config)
    with step("Debian packages"):
        packages.uninstall(state)
    cache = default_cache()
    return [f"{cache} (built images, for the next cloud)"] if cache.exists() else []
