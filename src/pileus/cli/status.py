"""`pileus status`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..pidfile import running
from .control import ask, configured
from .database import shown
from .options import state_option


@click.command()
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(state: Path, as_json: bool) -> None:
    """Say what runs. Exit status 0: the cloud answers; 3: it does not run."""
    config = configured(state)
    if running(state) is None:
        from ..host.libvirtd import Libvirtd

        guests = 0 if config.simulate else len(Libvirtd(state).guests())
        if as_json:
            click.echo(json.dumps({"running": False, "guests": guests}))
        else:
            still = f", and {guests} of its guests run on" if guests else ""
            click.echo(f"The cloud in {state} is down{still}.")
        sys.exit(3)
    found = ask(state, "/pileus/status")
    if as_json:
        click.echo(json.dumps({"running": True, "url": config.base_url} | found, indent=2))
        return
    kind = "simulated: nothing runs inside its guests" if found["simulated"] else "real guests"
    accelerator = found["accelerator"]
    if accelerator == "tcg":
        accelerator = "TCG (no usable KVM was found: guests are emulated and slow)"
    elif accelerator == "kvm":
        accelerator = "KVM"
    servers = ", ".join(f"{n} {s}" for s, n in sorted(found["servers"].items())) or "none"
    rows = {
        "cloud": f"{config.cloud_name} ({kind})",
        "answers at": config.base_url,
        "process": f"{found['pid']}, up {found['up_seconds']} s, version {found['version']}",
        "host": f"{found['host']}: {found['vcpus']} vCPUs, {found['memory_mb']} MB,"
        f" {found['disk_gb']} GB",
        "guests run by": f"{found['hypervisor']}, accelerator {accelerator}",
        "network": found["network"],
        "database": shown(config.database_url),
        "servers": servers,
        "other hosts": _others(found),
        "state": str(state),
    }
    others = [one for one in found["processes"] if one["state"] != str(state)]
    if others:
        said = (f"{p['machine']}:{p['state']} (version {p['version']})" for p in others)
        rows["and serve too"] = ", ".join(said)
    for key, value in rows.items():
        click.echo(f"{key + ':':15}{value}")


def _others(found: dict[str, Any]) -> str:
    if not found["joined_hosts"]:
        return "none"
    kind = ", all simulated" if found["simulated"] else ""
    return f"{found['joined_hosts']} joined{kind}; {found['connected_hosts']} connected here"
