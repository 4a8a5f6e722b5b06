"""What `up` and `down` do beyond the control plane when guests and networks are real."""

import contextlib
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import click

from ..config import Config
from ..host import packages
from ..host.chassis import LOOPBACK, Chassis
from ..host.command import run
from ..host.ovn import Ovn
from ..host.place import HostError, Place
from . import boot, link
from .steps import step

_SHUTDOWN, _AGAIN = 60.0, 3.0


def prepare(config: Config) -> None:
    """Everything on this machine that real guests and networks need, made where it is missing.

    Raises ClickException with what is wrong and what mends it.
    """
    if os.geteuid() != 0:
        raise click.ClickException("Real guests and networks need root.")
    try:
        _check_external(config)
        _prepare(config)
    except HostError as wrong:
        raise click.ClickException(
            f"{wrong}\n`pileus doctor --state {config.state}` says more."
        ) from None


def _check_external(config: Config) -> None:
    """Keep the external network off the networks that this machine has already."""
    if shutil.which("ip") is None:
        return
    wanted = ipaddress.ip_network(config.external_cidr)
    for route in json.loads(run("ip", "-json", "-4", "route") or "[]"):
        if route["dst"] == "default" or route["dev"] == f"px{Place(config.state).tag}":
            continue
        if wanted.overlaps(ipaddress.ip_network(route["dst"], strict=False)):
            raise click.ClickException(
                f"The external network {wanted} is taken: {route['dst']} is reached through"
                f" {route['dev']} already (another cloud?). Choose another with --external."
            )


def _prepare(config: Config) -> None:
    engines(config.state)
    with step("network (Open vSwitch and OVN)"):
        fabric(config).start()
    boot.enable(config)
    link.put()


def engines(state: Path) -> None:
    """What guests need on this machine: packages, libvirtd, an accelerator that works.

    Raises ClickException, HostError.
    """
    lacking = packages.missing()
    if lacking:
        with step(f"Debian packages ({len(lacking)} are missing)"):
            packages.install(state)
    if not _imports("libvirt", "ovsdbapp"):
        raise click.ClickException(
            "This Python environment lacks the bindings of libvirt and OVN: `make host` adds them."
        )
    from ..host import accelerator
    from ..host.images import tiny
    from ..host.images.cache import default_cache
    from ..host.libvirtd import Libvirtd

    with step("libvirtd"):
        engine = Libvirtd(state)
        engine.start()
        threading.Thread(target=_describe, args=(engine.uri,), daemon=True).start()
    with step("tiny image"):
        image = tiny.build(default_cache())
    with step("accelerator"):
        verdict = accelerator.verdict(state, lambda: image)
    click.echo(f"    {verdict.accelerator}: {verdict.reason}")


def _describe(uri: str) -> None:
    """Let libvirtd look at QEMU while other things are done: the first time takes it seconds."""
    import libvirt

    with contextlib.suppress(libvirt.libvirtError):  # whoever needs the answer asks again
        libvirt.open(uri).getCapabilities()


def fabric(config: Config) -> Ovn:
    """This cloud's Open vSwitch and OVN."""
    prefix = ipaddress.ip_network(config.external_cidr).prefixlen
    external = f"{config.external_gateway}/{prefix}"
    return Ovn(config.state, config.host, external, encap_ip=config.tunnel_address or LOOPBACK)


def _imports(*modules: str) -> bool:
    words = [sys.executable, "-c", "import " + ", ".join(modules)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def stop_guests(config: Config) -> None:
    """Shut every guest down, then stop libvirtd and the network."""
    shut_down(config.state)
    with step("network"):
        fabric(config).stop()


def remove(state: Path, network: Ovn | Chassis) -> None:
    """Destroy every guest, and remove the daemons and what they made. Raises HostError."""
    from ..host.libvirtd import Libvirtd

    boot.disable(Config(state=state))
    if not boot.others():
        link.take_away()
    with step("guests, libvirtd, network"):
        engine = Libvirtd(state)
        engine.kill_guests()
        engine.uninstall()
        network.uninstall()
        shutil.rmtree(Place(state).run, ignore_errors=True)


def shut_down(state: Path) -> None:
    """Shut every guest down, then stop libvirtd."""
    import libvirt

    from ..host.libvirtd import Libvirtd

    engine = Libvirtd(state)
    with step("guests"):
        if engine.guests():
            engine.start()
            connection = libvirt.open(engine.uri)
            deadline = time.monotonic() + _SHUTDOWN
            while engine.guests() and time.monotonic() < deadline:
                # A guest that is only just booting hears the button when it is pressed again.
                for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
                    with contextlib.suppress(libvirt.libvirtError):  # it has gone by now
                        domain.shutdown()
                again = time.monotonic() + _AGAIN
                while engine.guests() and time.monotonic() < again:
                    time.sleep(0.1)
            connection.close()
            engine.kill_guests()
    with step("libvirtd"):
        engine.stop()
