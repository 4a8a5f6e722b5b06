"""Where a cloud answers: its address, its port, and TLS wherever others can listen in."""

import ipaddress
import socket
import ssl
from dataclasses import replace

import click

from ..config import Config


def secure(config: Config, insecure_http: bool) -> Config:
    """The settings with the URL of the catalog, and with TLS unless nobody else can listen in.

    Beyond loopback there is no plain HTTP, unless it is said aloud. Raises ClickException.
    """
    if (config.tls_cert is None) != (config.tls_key is None):
        raise click.ClickException("--tls-cert and --tls-key belong together.")
    try:
        address = ipaddress.ip_address(config.listen)
    except ValueError:
        raise click.ClickException(f"--listen {config.listen!r} is not an IP address.") from None
    config = replace(config, insecure_http=insecure_http or config.insecure_http)
    reached = _own_address(address.version) if address.is_unspecified else config.listen
    if config.tls_cert == config.state / "tls.crt":  # made here earlier; is it still needed?
        config = replace(config, tls_cert=None, tls_key=None)
    if not (address.is_loopback or config.insecure_http or config.tls_cert):
        from .tls import make

        cert, key = make(config.state, reached)
        config = replace(config, tls_cert=cert, tls_key=key)
    if config.tls_cert and config.tls_key:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.tls_cert, config.tls_key)
        except (ssl.SSLError, OSError) as wrong:
            raise click.ClickException(
                f"{config.tls_cert} and {config.tls_key} are no certificate with its key in PEM"
                f" ({wrong.strerror or wrong})."
            ) from None
    # An address that stands for all of them is none that a client could use.
    plain = replace(config, public_url="", listen=reached).base_url
    return replace(config, public_url=plain if address.is_unspecified else "")


def check_free(config: Config) -> None:
    """See that the port can be had. Raises ClickException."""
    family = socket.AF_INET6 if ":" in config.listen else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.listen, config.port))
        except OSError as wrong:
            raise click.ClickException(
                f"{config.listen}:{config.port} cannot be used ({wrong.strerror});"
                " choose another with --port or --listen."
            ) from None


def _own_address(version: int) -> str:
    """The address that this machine is reached at: the one it would speak to the world from."""
    family, far = (
        (socket.AF_INET, "192.0.2.1") if version == 4 else (socket.AF_INET6, "2001:db8::1")
    )
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # of a datagram socket this sends nothing
        except OSError:
            return "127.0.0.1" if version == 4 else "::1"
        return str(probe.getsockname()[0])
