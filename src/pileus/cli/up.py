"""`pileus up`."""

import ipaddress
import os
import secrets
import socket
from dataclasses import replace
from pathlib import Path

import click

from .. import settings
from ..config import Config
from ..pidfile import running
from . import clouds, process
from .options import state_option
from .steps import step


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
@click.option("--database", help="An SQLAlchemy URL.  [SQLite in the state directory]")
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
    database: str | None,
) -> None:
    """Start the cloud; set it up first where it is not. Safe to repeat and to interrupt."""
    with process.alone(state):
        fresh = not settings.exists(state)
        config = _first(state, simulate) if fresh else settings.load(state)
        if simulate and not config.simulate:
            raise click.ClickException(
                f"The cloud in {state} is a real one; choose another --state for a simulated one."
            )
        given = {
            "port": port,
            "listen": listen,
            "seed": seed,
            "database": database,
            "clouds_file": clouds_file and clouds_file.absolute(),
            "cloud_name": cloud_name,
            "tls_cert": tls_cert,
            "tls_key": tls_key,
            **_external(external),
        }
        changed = {key: value for key, value in given.items() if value is not None}
        config = replace(config, **changed)  # type: ignore[arg-type]
        config = _secure(config, insecure_http)
        pid = running(state)
        if pid is not None:
            if config != settings.load(state):
                raise click.ClickException(
                    f"The cloud in {state} runs already, with other settings: `pileus down` first."
                )
            process.start(config)  # one that is still coming up is waited for
            _tell(config, f"is up already (process {pid})")
            return
        _free(config)
        if not config.simulate:
            _real(config)
        settings.save(config)
        file = config.clouds_file or clouds.default_file()
        clouds.write(file, clouds.entries(config, config.cloud_name))
        if foreground:
            _stay(config)
            return
        with step("control plane"):
            pid = process.start(config)
    _tell(config, f"is up (process {pid})")


def _first(state: Path, simulate: bool) -> Config:
    if not simulate and os.geteuid() != 0:
        raise click.ClickException(
            "Real guests and networks need root: run this as root, or add --simulate."
        )
    return Config(
        state=state,
        simulate=simulate,
        host=socket.gethostname(),
        admin_password=os.environ.get("PILEUS_ADMIN_PASSWORD") or secrets.token_urlsafe(18),
        demo_password=secrets.token_urlsafe(18),
    )


def _external(cidr: str | None) -> dict[str, str]:
    """The settings of the external network; its first address is this machine's."""
    if cidr is None:
        return {}
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as wrong:
        raise click.ClickException(f"--external: {wrong}") from None
    return {"external_cidr": str(network), "external_gateway": str(network[1])}


def _secure(config: Config, insecure_http: bool) -> Config:
    """Beyond loopback there is no plain HTTP, unless it is said aloud."""
    if (config.tls_cert is None) != (config.tls_key is None):
        raise click.ClickException("--tls-cert and --tls-key belong together.")
    try:
        address = ipaddress.ip_address(config.listen)
    except ValueError:
        raise click.ClickException(f"--listen {config.listen!r} is not an IP address.") from None
    public = config.public_url
    if address.is_unspecified and not public:
        public = "{}://{}:{}"
    if config.tls_cert or address.is_loopback or insecure_http or config.insecure_http:
        scheme = "https" if config.tls_cert else "http"
        filled = public.format(scheme, socket.gethostname(), config.port)
        return replace(
            config, public_url=filled, insecure_http=insecure_http or config.insecure_http
        )
    from .tls import make

    cert, key = make(config.state, config.listen)
    filled = public.format("https", socket.gethostname(), config.port)
    return replace(config, tls_cert=cert, tls_key=key, public_url=filled)


def _free(config: Config) -> None:
    family = socket.AF_INET6 if ":" in config.listen else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.listen, config.port))
        except OSError as wrong:
            raise click.ClickException(
                f"{config.listen}:{config.port} cannot be used ({wrong.strerror});"
                " choose another with --port."
            ) from None


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
    name = config.cloud_name
    where = "" if file == clouds.default_file() else f"export OS_CLIENT_CONFIG_FILE={file}; "
    click.echo(
        f"\nNext, with the client from PyPI (pip install python-openstackclient):\n"
        f"  {where}export OS_CLOUD={name}\n"
        f"  openstack server create --flavor m1.nano --image pileus-tiny --wait first\n"
        f"  openstack server list\n\n"
        f"`pileus status` says how it is, `pileus down` stops it, `pileus doctor` finds faults."
    )
