"""`pileus doctor`."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from .. import settings
from ..config import Config
from ..pidfile import running
from . import boot
from .control import ask
from .options import state_option

_MIN_MEMORY_MB, _MIN_DISK_GB = 2048, 5


@dataclass(frozen=True)
class Check:
    """One thing looked at: fine, or what is wrong and the command that mends it."""

    name: str
    fine: bool
    says: str
    mend: str = ""


@click.command()
@state_option
def doctor(state: Path) -> None:
    """Check this machine. Exit status 0: nothing is wrong; 1: something is."""
    config = settings.load(state) if settings.exists(state) else Config(state=state)
    wrong = 0
    for check in checks(config):
        click.echo(f"{'ok   ' if check.fine else 'WRONG'} {check.name + ':':15}{check.says}")
        if not check.fine:
            wrong += 1
            click.echo(f"      mend it with: {check.mend}")
    click.echo("Nothing is wrong." if not wrong else f"{wrong} things are wrong.")
    sys.exit(1 if wrong else 0)


def checks(config: Config) -> Iterator[Check]:
    """Every check that makes sense for this cloud."""
    general: list[Callable[[Config], Check]] = [
        _disk,
        _memory,
        _database,
        _clock,
        _port,
        _control_plane,
        _hosts,
    ]
    real: list[Callable[[Config], Check]] = [
        _root,
        _packages,
        _bindings,
        _accelerator,
        _libvirt,
        _network,
        _boot,
    ]
    for check in [*general, *([] if config.simulate else real)]:
        yield check(config)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _disk(config: Config) -> Check:
    free = shutil.disk_usage(_existing(config.state)).free >> 30
    says = f"{free} GB free for {config.state}"
    return Check("disk", free >= _MIN_DISK_GB, says, "another --state DIR, or delete what you can")


def _memory(_config: Config) -> Check:
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(x.split()[1]) >> 10 for x in lines if x.startswith("MemAvailable"))
    says = f"{free} MB available"
    return Check("memory", free >= _MIN_MEMORY_MB, says, "stop what you do not need")


def _database(config: Config) -> Check:
    from .database import check, mend

    fine, says = check(config)
    found = _status(config)
    if fine and found.get("database_ailment"):
        fine, says = False, str(found["database_ailment"])
    return Check("database", fine, says, mend(config, says))


def _clock(config: Config) -> Check:
    jump = _status(config).get("clock_jumped")
    if not jump:
        return Check("clock", True, "it has not jumped within the last hour")
    way = "forwards" if jump["seconds"] > 0 else "backwards"
    says = f"it jumped {way} by {abs(jump['seconds'])} s at {jump['at']}"
    return Check("clock", False, says, "timedatectl set-ntp true (or: chronyd -q)")


def _status(config: Config) -> dict[str, Any]:
    """What the running control plane says of itself; nothing when it does not."""
    from .control import ask

    if running(config.state) is None:
        return {}
    try:
        found: dict[str, Any] = ask(config.state, "/pileus/status", 10)
    except click.ClickException:
        return {}
    return found


def _port(config: Config) -> Check:
    if running(config.state) is not None:
        return Check("port", True, f"{config.port} is this cloud's")
    with socket.socket(socket.AF_INET6 if ":" in config.listen else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.listen, config.port))
        except OSError as wrong:
            says = f"{config.listen}:{config.port}: {wrong.strerror}"
            return Check("port", False, says, "pileus up --port N")
    return Check("port", True, f"{config.listen}:{config.port} is free")


def _control_plane(config: Config) -> Check:
    pid = running(config.state)
    says = f"process {pid}" if pid else "it does not run"
    return Check("control plane", pid is not None, says, f"pileus up --state {config.state}")


def _hosts(config: Config) -> Check:
    if not config.agent_listen or running(config.state) is None:
        return Check("hosts", True, "none can join: there is no agent port")
    try:
        found = ask(config.state, "/pileus/agents")
    except click.ClickException as wrong:
        return Check("hosts", False, wrong.message, f"pileus logs --state {config.state}")
    refused = found["refused"]
    if not refused:
        says = f"{len(found['hosts'])} have joined, {found['connected']} are connected here"
        return Check("hosts", True, says)
    last = f"the last was {refused[0]['who']}: {refused[0]['reason']}"
    says = f"{len(refused)} refused at the agent port in the last hour; {last}"
    mend = f"pileus logs --state {config.state}; it says who, and what is to be done on that host"
    return Check("hosts", False, says, mend)


def _root(_config: Config) -> Check:
    fine = os.geteuid() == 0
    says = "yes" if fine else "no: real guests and networks need it"
    return Check("root", fine, says, "sudo, or pileus up --simulate")


def _packages(config: Config) -> Check:
    from ..host import packages

    lacking = packages.missing()
    says = f"missing: {' '.join(lacking)}" if lacking else "all installed"
    return Check("packages", not lacking, says, f"pileus up --state {config.state}")


def _bindings(_config: Config) -> Check:
    from .real import _imports

    fine = _imports("libvirt", "ovsdbapp")
    return Check("bindings", fine, "libvirt, ovsdbapp" if fine else "missing", "make host")


def _accelerator(config: Config) -> Check:
    import json

    record = config.state / "accelerator.json"
    if not record.exists():
        return Check("accelerator", False, "not probed yet", f"pileus up --state {config.state}")
    found = json.loads(record.read_text())
    return Check("accelerator", True, f"{found['accelerator']}: {found['reason']}")


def _libvirt(config: Config) -> Check:
    from ..host.libvirtd import Libvirtd

    engine = Libvirtd(config.state)
    says = engine.uri if engine.running() else "libvirtd does not run"
    return Check("libvirt", engine.running(), says, f"pileus up --state {config.state}")


def _network(config: Config) -> Check:
    from .real import fabric

    status = fabric(config).status()
    down = [name for name, runs in status.items() if not runs]
    says = f"not running: {' '.join(down)}" if down else f"{len(status)} daemons run"
    mend = f"pileus up --state {config.state} (a running cloud does so by itself within seconds)"
    return Check("network", not down, says, mend)


def _boot(config: Config) -> Check:
    file = boot.entry(config)
    says = f"{file} brings the cloud back" if file else "a reboot does not bring the cloud back"
    return Check("boot", file is not None, says, f"pileus up --state {config.state}")
