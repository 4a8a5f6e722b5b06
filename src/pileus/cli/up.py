"""`pileus up`."""

import ipaddress
import os
import secrets
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .. import settings
from ..config import SIMULATED_VCPUS, Config
from ..pidfile import running
from . import address, belongings, clouds, link, outside, process
from . import database as store
from .join import joined
from .options import (
    check_devices,
    check_processors,
    dedicated_cpus_option,
    pci_device_spec_option,
    state_option,
)
from .steps import step

_ROOM_MB = 32
_SMALLEST = 29  # of external networks, as a prefix's length


@click.command()
@state_option
@click.option("--port", type=click.IntRange(1, 65535), help="The API's port.  [8080]")
@click.option("--listen", metavar="ADDRESS", help="The API's address.  [127.0.0.1]")
@click.option("--simulate", is_flag=True, help="Simulated guests and networks: no root, no daemon.")
@click.option("--foreground", is_flag=True, help="Stay in the foreground.")
@click.option("--seed", type=int, help="Repeatable ids, for tests.")
@click.option("--clouds-file", type=click.Path(path_type=Path), help="The clouds.yaml to write.")
@click.option("--cloud-name", help="The cloud's name in clouds.yaml.  [pileus]")
@click.option("--tls-cert", type=click.Path(exists=True, path_type=Path, resolve_path=True))
@click.option("--tls-key", type=click.Path(exists=True, path_type=Path, resolve_path=True))
@click.option("--insecure-http", is_flag=True, help="Serve plain HTTP beyond loopback.")
@click.option("--external", metavar="CIDR", help="The network public.  [172.24.4.0/24]")
@click.option(
    "--audit-minutes", type=click.FloatRange(0.1), help="Between two audits by itself.  [10]"
)
@click.option("--agent-listen", metavar="ADDRESS:PORT", help="Let other machines join as hosts.")
@click.option(
    "--tunnel-address", metavar="ADDRESS", help="Where other hosts reach this one's tunnels."
)
@click.option(
    "--database",
    metavar="URL",
    envvar="PILEUS_DATABASE",
    help="postgresql+psycopg://USER:PASSWORD@HOST/NAME, also as PILEUS_DATABASE in the environment."
    "  [SQLite in the state directory]",
)
@click.option(
    "--join",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    help="The --state of another process: share its cloud, its --database and its keys.",
)
@dedicated_cpus_option
@pci_device_spec_option
@click.option("--public-url", metavar="URL", help="What stands before several processes.")
@click.option(
    "--scheduler-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
    help="The scheduler's settings, as YAML (docs/scheduling.md).",
)
@click.option(
    "--identity-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
    help="Identity's settings, as YAML (docs/identity.md).",
)
@click.option(
    "--image-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True),
    help="The image service's settings, as YAML (docs/images.md).",
)
@click.option(
    "--limit-model",
    type=click.Choice(["flat", "strict_two_level"]),
    help="How limits of domains and projects go together.  [flat]",
)
@click.option("--host", help="This host's name.  [the machine's]")
@click.option("--no-host", is_flag=True, help="No host here: only the control plane.")
def up(
    state: Path,
    port: int | None,
    listen: str | None,
    simulate: bool,
    foreground: bool,
    seed: int | None,
    clouds_file: Path | None,
    cloud_name: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure_http: bool,
    external: str | None,
    audit_minutes: float | None,
    agent_listen: str | None,
    tunnel_address: str | None,
    database: str | None,
    join: Path | None,
    public_url: str | None,
    scheduler_file: Path | None,
    identity_file: Path | None,
    image_file: Path | None,
    limit_model: str | None,
    dedicated_cpus: str | None,
    pci_device_spec: str | None,
    host: str | None,
    no_host: bool,
) -> None:
    """Start the cloud; set it up first where it is not. Safe to repeat and to interrupt."""
    if database:
        typed, database = database, store.checked(database)
        store.unshow(typed)
    if not settings.exists(state):
        if not (simulate or join) and os.geteuid() != 0:
            raise click.ClickException(
                "Real guests and networks need root: run this as root, or add --simulate."
            )
        belongings.refuse_foreign(state)
    with process.alone(state):
        before = settings.load(state) if settings.exists(state) else None
        config = before or (joined(state, join) if join else _first(state, simulate))
        if no_host and not config.simulate:
            raise click.ClickException("--no-host goes with --simulate: a real cloud has its host.")
        if simulate and not config.simulate:
            raise click.ClickException(
                f"The cloud in {state} is a real one; choose another --state for a simulated one."
            )
        given: dict[str, Any] = {
            "port": port,
            "listen": listen,
            "seed": seed,
            "database": database,
            "audit_minutes": audit_minutes,
            "agent_listen": agent_listen,
            "catalog": public_url and public_url.rstrip("/"),
            "host": "" if no_host else host,
            "tunnel_address": tunnel_address,
            "clouds_file": clouds_file and clouds_file.absolute(),
            "cloud_name": cloud_name,
            "tls_cert": tls_cert,
            "tls_key": tls_key,
            "dedicated_cpus": dedicated_cpus,
            "scheduler_file": scheduler_file,
            "identity_file": identity_file,
            "pci_device_spec": pci_device_spec,
            "limit_model": limit_model,
            "image_file": _images(image_file),
            **_external(external),
        }
        _readable(scheduler_file, identity_file)
        changed = {key: value for key, value in given.items() if value is not None}
        config = replace(config, **changed)
        check_processors(config.dedicated_cpus, SIMULATED_VCPUS if config.simulate else 0)
        check_devices(config.pci_device_spec, config.simulate)
        _lasting(before, config)
        config = address.tunnels(address.secure(config, insecure_http))
        pid = running(state)
        if pid is None:
            address.check_free(config)
        elif config != before:
            raise click.ClickException(
                f"The cloud in {state} runs already, with other settings: `pileus down` first."
            )
        _room(state)
        # Once the cloud has its network, its own route is among those found.
        if not config.simulate and (before is None or before.external_cidr != config.external_cidr):
            outside.check(config.external_cidr)
        if config.database and pid is None:
            store.reachable(config.database)
        if pid is None:
            store.refuse_newer(config)
        if config.commons is None:
            clouds.check(config)
        # Saved before anything is made, so that `uninstall` knows of all that follows.
        settings.save(config)
        if not config.simulate:
            _real(config)
        if config.commons is None:
            clouds.replace_entries(before, config)
        if foreground and pid is None:
            _stay(config)
            return
        if pid is not None:
            now = process.start(config)  # one that is still coming up is waited for
        else:
            with step("control plane"):
                now = process.start(config)
    _tell(config, f"is up{' already' if now == pid else ''} (process {now})")


def _readable(scheduler_file: Path | None, identity_file: Path | None) -> None:
    """Raises ClickException when a file of settings cannot be used."""
    from .. import compute, identity

    try:
        compute.read_settings(scheduler_file)
        identity.read_settings(identity_file)
    except (compute.BadSettings, identity.BadSettings) as wrong:
        raise click.ClickException(str(wrong)) from None


def _images(image_file: Path | None) -> Path | None:
    """Raises ClickException when the image service's settings cannot be used."""
    from .. import image

    try:
        image.read_settings(image_file)
    except image.BadSettings as wrong:
        raise click.ClickException(str(wrong)) from None
    return image_file


def _lasting(before: Config | None, config: Config) -> None:
    """What the first start decided stays so. Raises ClickException."""
    if not (config.state / "control.key").exists():
        return  # no control plane has started here yet
    lasting = (("external_cidr", "--external"), ("seed", "--seed"), ("host", "--host"))
    for name, option in lasting:
        was = getattr(before or config, name)
        if was != getattr(config, name):
            raise click.ClickException(
                f"{option} was {'not given' if was is None else was} at the first start and cannot"
                " change: `pileus uninstall` this cloud, or make another with another --state."
            )


def _room(state: Path) -> None:
    free = shutil.disk_usage(state).free >> 20
    if free < _ROOM_MB:
        raise click.ClickException(
            f"Only {free} MB are free for {state}, and a cloud cannot start with less than"
            f" {_ROOM_MB}: delete what you can, or choose another --state."
        )


def _first(state: Path, simulate: bool) -> Config:
    return Config(
        state=state,
        simulate=simulate,
        host=socket.gethostname(),
        admin_password=os.environ.get("PILEUS_ADMIN_PASSWORD") or secrets.token_urlsafe(18),
        demo_password=secrets.token_urlsafe(18),
        # Kept, because at a boot the home directory may be another one.
        clouds_file=clouds.default_file().absolute(),
    )


def _external(cidr: str | None) -> dict[str, str]:
    """The settings of the external network; its first address is this machine's."""
    if cidr is None:
        return {}
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as wrong:
        raise click.ClickException(f"--external: {wrong}") from None
    if network.prefixlen > _SMALLEST:
        raise click.ClickException(
            f"--external {cidr} has no room for addresses: /{_SMALLEST} is the smallest."
        )
    return {"external_cidr": str(network), "external_gateway": str(network[1])}


def _real(config: Config) -> None:
    from .real import prepare

    prepare(config)


def _stay(config: Config) -> None:
    from ..serve import serve

    click.echo(f"The cloud answers at {config.base_url}; Ctrl-C stops it.")
    serve(config)


def _tell(config: Config, what: str) -> None:
    kind = "The simulated cloud" if config.simulate else "The cloud"
    file = config.clouds_file or clouds.default_file()
    click.echo(f"\n{kind} {config.cloud_name!r} {what} at {config.base_url}")
    if config.simulate:
        click.echo("Guests and networks are simulated: nothing runs inside them.")
    name, me = config.cloud_name, link.word()
    where = "" if file == clouds.default_file() else f"export OS_CLIENT_CONFIG_FILE={file}; "
    click.echo(
        f"\nNext, with the client from PyPI (pip install python-openstackclient):\n"
        f"  {where}export OS_CLOUD={name}\n"
        f"  openstack network create mine\n"
        f"  openstack subnet create --network mine --subnet-range 10.0.0.0/24 mine\n"
        f"  openstack server create --flavor m1.nano --image pileus-tiny --network mine"
        f" --wait first\n"
        f"  openstack server list\n\n"
        f"`{me} status` says how it is, `{me} down` stops it, `{me} doctor` finds faults."
    )
