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
    """See that the ports can be had. Raises ClickException."""
    _free(config.listen, config.port, "--port or --listen")
    if config.agent_listen:
        _free(*agent_port(config), "--agent-listen")


def agent_port(config: Config) -> tuple[str, int]:
    """The address and port for hosts' agents. Raises ClickException."""
    address, _, port = config.agent_listen.rpartition(":")
    try:
        found = str(ipaddress.ip_address(address.strip("[]"))), int(port)
        if not 0 < found[1] < 65535:  # the network's database is at the one after it
            raise ValueError
    except ValueError:
        raise click.ClickException(
            f"--agent-listen {config.agent_listen!r} is not ADDRESS:PORT, as 0.0.0.0:9443 is."
        ) from None
    return found


def agent_address(config: Config) -> str:
    """ADDRESS:PORT at which other machines reach the agent port."""
    address, port = agent_port(config)
    parsed = ipaddress.ip_address(address)
    reached = _own_address(parsed.version) if parsed.is_unspecified else address
    return f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"


def tunnels(config: Config) -> Config:
    """The same with an address for tunnels, where other hosts may join. Raises ClickException."""
    if config.tunnel_address:
        try:
            ipaddress.ip_address(config.tunnel_address)
        except ValueError:
            raise click.ClickException(
                f"--tunnel-address {config.tunnel_address!r} is not an IP address."
            ) from None
        return config
    if not config.agent_listen or config.simulate:
        return config
    address = agent_address(config).rpartition(":")[0].strip("[]")
    return replace(config, tunnel_address=address)


def _free(address: str, port: int, option: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as wrong:
            raise click.ClickException(
                f"{address}:{port} cannot be used ({wrong.strerror}); choose another with {option}."
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
