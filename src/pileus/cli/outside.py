"""What this machine reaches outside, which an external network must not hide."""

import ipaddress
import json
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click

_RESOLVERS = Path("/etc/resolv.conf")


def check(cidr: str) -> None:
    """See that an external network takes nothing away from this machine.

    The machine gets a route to the network, and with it all processes here lose what else has
    addresses in it. Raises ClickException.
    """
    lost = hidden(cidr, relied_on())
    if lost:
        raise click.ClickException(
            f"The external network {cidr} would cut this machine off from {'; '.join(lost)}."
            " Choose another with --external, one that nothing here needs to reach."
        )


def hidden(cidr: str, relied: Mapping[str, str]) -> list[str]:
    """Which of these (what it is → its address or network) overlap with the network `cidr`."""
    network = ipaddress.ip_network(cidr)
    return [
        f"{what} ({where})"
        for what, where in relied.items()
        if network.overlaps(ipaddress.ip_network(where, strict=False))
    ]


def relied_on() -> dict[str, str]:
    """What this machine relies on: networks it is on, gateways, name servers, package mirrors."""
    found = routes(_said("ip", "-json", "-4", "route", "show"))
    if _RESOLVERS.exists():
        found |= resolvers(_RESOLVERS.read_text())
    urls = _said("apt-get", "indextargets", "--format", "$(REPO_URI)").split()
    for name in sorted({urlsplit(url).hostname or "" for url in urls} - {""}):
        try:
            found[f"the package mirror {name}"] = socket.gethostbyname(name)
        except OSError:
            continue  # a mirror that has no address now cannot be lost
    return found


def routes(text: str) -> dict[str, str]:
    """The networks and gateways that `ip -json route` prints."""
    found: dict[str, str] = {}
    for route in json.loads(text or "[]"):
        if "gateway" in route:
            found[f"the gateway of {route['dst']}"] = route["gateway"]
        if route["dst"] != "default":
            found[f"the network on {route.get('dev', '?')}, {route['dst']}"] = route["dst"]
    return found


def resolvers(text: str) -> dict[str, str]:
    """The name servers (IPv4) of a resolv.conf."""
    lines = [line.split() for line in text.splitlines()]
    servers = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return {f"the name server {one}": one for one in servers if ":" not in one}


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
