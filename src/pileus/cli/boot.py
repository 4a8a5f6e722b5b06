"""The machine's boot brings the cloud back: a systemd unit, or a line for cron where that runs."""

import subprocess
import sys
from pathlib import Path

from ..config import Config
from ..host.place import Place

_SYSTEMD = Path("/run/systemd/system")


def _unit(config: Config) -> Path:
    return Path(f"/etc/systemd/system/pileus-{Place(config.state).tag}.service")


def _cron(config: Config) -> Path:
    return Path(f"/etc/cron.d/pileus-{Place(config.state).tag}")


def enable(config: Config) -> None:
    """See that a boot runs `pileus up` for this cloud, if the machine has a way to."""
    words = f"{sys.executable} -m pileus.cli up --state {config.state}"
    if _SYSTEMD.exists():
        text = (
            "[Unit]\nDescription=Pileus cloud\nAfter=network-online.target\n"
            "Wants=network-online.target\n\n"
            f"[Service]\nType=oneshot\nRemainAfterExit=yes\nKillMode=process\nExecStart={words}\n"
            f"ExecStop={words.replace(' up ', ' down ')}\n\n[Install]\nWantedBy=multi-user.target\n"
        )
        if _put(_unit(config), text):
            subprocess.run(["systemctl", "daemon-reload"], check=True)
            subprocess.run(["systemctl", "enable", _unit(config).name], check=True)
    elif Path("/etc/cron.d").exists():
        _put(_cron(config), f"@reboot root {words} >{config.state}/log/boot.log 2>&1\n")


def disable(config: Config) -> None:
    """Take the boot entry away."""
    unit = _unit(config)
    if unit.exists():
        if _SYSTEMD.exists():
            subprocess.run(["systemctl", "disable", unit.name], check=False, capture_output=True)
        unit.unlink()
    _cron(config).unlink(missing_ok=True)


def enabled(config: Config) -> str:
    """The file that brings the cloud back at boot; empty where nothing does."""
    if _SYSTEMD.exists() and _unit(config).exists():
        return str(_unit(config))
    if _cron(config).exists() and Path("/usr/sbin/cron").exists():
        return str(_cron(config))
    return ""


def _put(path: Path, text: str) -> bool:
    if path.exists() and path.read_text() == text:
        return False
    path.write_text(text)
    return True
