"""The machine's boot brings the cloud back: a systemd unit, or a script for a classic init."""

import shlex
import subprocess
import sys
from pathlib import Path

import click

from ..config import Config
from ..host.place import Place

_SYSTEMD_RUNS = Path("/run/systemd/system")
_INIT = Path("/sbin/init")
_UNITS, _SCRIPTS = Path("/etc/systemd/system"), Path("/etc/init.d")

# Guests outlive `pileus down`, but not the machine: before that goes down they are shut down.
# Type=oneshot with KillMode=process: what `pileus up` leaves behind is left alone.
_UNIT = """\
[Unit]
Description=Pileus {what} in {state}
Wants=network-online.target
After=network-online.target local-fs.target openvswitch-switch.service libvirtd.service
RequiresMountsFor={state}

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
# Neither a guest that runs the machine out of memory nor their number may end the cloud.
OOMPolicy=continue
TasksMax=infinity
TimeoutStartSec=900
TimeoutStopSec=180
ExecStart={pileus} up --state {state}
ExecStop=/bin/sh -c 'case "$(systemctl is-system-running)" in stopping) exec {pileus} down \
--guests --state {state};; *) exec {pileus} down --state {state};; esac'

[Install]
WantedBy=multi-user.target
"""

_SCRIPT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:    $remote_fs $network $syslog
# Required-Stop:     $remote_fs $network $syslog
# Should-Start:      openvswitch-switch libvirtd
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Pileus {what} in {state}
### END INIT INFO
pileus='{pileus}'
state='{state}'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
case "$1" in
start) exec $pileus up --state "$state" ;;
stop)
    # Guests outlive a stop of the cloud, but not the machine.
    case "$RUNLEVEL" in
    0 | 6) exec $pileus down --guests --state "$state" ;;
    *) exec $pileus down --state "$state" ;;
    esac ;;
restart | force-reload) $pileus down --state "$state"; exec $pileus up --state "$state" ;;
status) exec $pileus status --state "$state" ;;
*) echo "Usage: $0 start|stop|restart|force-reload|status" >&2; exit 2 ;;
esac
"""


def enable(config: Config, agent: bool = False) -> None:
    """See that a boot runs `pileus up` for this cloud, or `pileus agent up` for a joined host.

    Raises ClickException.
    """
    name = _name(config)
    filling = {"name": name, "state": config.state, "pileus": _pileus()}
    filling["what"] = "host" if agent else "cloud"
    if agent:
        filling["pileus"] = f"{_pileus()} agent"
    if _by_systemd():
        if _put(_unit(config), _UNIT.format(**filling), 0o644):
            if _SYSTEMD_RUNS.exists():
                _run("systemctl", "daemon-reload")
            _run("systemctl", "enable", f"{name}.service")
    elif _script(config).parent.exists() and _put(
        _script(config), _SCRIPT.format(**filling), 0o755
    ):
        _run("update-rc.d", name, "defaults")


def disable(config: Config) -> None:
    """Take the boot entry away."""
    name, unit, script = _name(config), _unit(config), _script(config)
    if unit.exists():
        _run("systemctl", "disable", f"{name}.service")
        unit.unlink()
        if _SYSTEMD_RUNS.exists():
            _run("systemctl", "daemon-reload")
            # Without its file it stops nothing, but systemd would go on listing it as active.
            subprocess.run(["systemctl", "stop", f"{name}.service"], check=False)
    if script.exists():
        script.unlink()
        _run("update-rc.d", name, "remove")


def entry(config: Config) -> Path | None:
    """The file that brings the cloud back at a boot; None where there is none."""
    return next((file for file in (_unit(config), _script(config)) if file.exists()), None)


def others() -> bool:
    """Whether any cloud of this machine has such an entry."""
    entries = (_UNITS.glob("pileus-????.service"), _SCRIPTS.glob("pileus-????"))
    return any(any(found) for found in entries)


def _by_systemd() -> bool:
    # What /sbin/init is says what the next boot runs, also while something else runs now.
    return _SYSTEMD_RUNS.exists() or _INIT.resolve().name == "systemd"


def _name(config: Config) -> str:
    return f"pileus-{Place(config.state).tag}"


def _unit(config: Config) -> Path:
    return _UNITS / f"{_name(config)}.service"


def _script(config: Config) -> Path:
    return _SCRIPTS / _name(config)


def _pileus() -> str:
    return f"{shlex.quote(sys.executable)} -m pileus.cli"


def _put(path: Path, text: str, mode: int) -> bool:
    if path.exists() and path.read_text() == text:
        return False
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.chmod(mode)
    new.replace(path)
    return True


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(
            f"{' '.join(words)} failed: {(done.stderr or done.stdout)[:500]}"
        )
