"""Which files of a state directory are the cloud's secrets and settings."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..config import Config

# Of a machine, a process or a host, or copied in another way; all else is secret or setting.
_NOT = frozenset(
    (
        *(
            "accelerator.json",
            "agent-port",
            "next-version.json",
            "backup",
            "images",
            "instances",
            "libvirt",
            "lock",
        ),
        *("log", "ovn", "ovs", "packages.json", "pileus.pid", "process.id", "resets"),
        *("serve.lock", "simulated-guests.jsonl", "simulated-network.jsonl"),
        *("pileus.db", "pileus.db-shm", "pileus.db-wal", "pileus.db-journal"),
    )
)
STATE, IMAGES = "state/", "images/"


def secrets(config: Config) -> Iterator[tuple[str, Path]]:
    """(name in the backup, file) of the keys, the certificates and the settings."""
    seen = set()
    # What is a process's own goes before what processes share.
    for top in [*sorted(config.state.iterdir()), *sorted(config.shared.iterdir())]:
        if top.name in seen:
            continue
        seen.add(top.name)
        if top.name in _NOT or top.name.startswith(".") or top.name.endswith(".new"):
            continue
        if top.is_file():
            yield STATE + top.name, top
        elif top.is_dir():
            for folder, _, names in os.walk(top):
                for name in sorted(names):
                    file = Path(folder, name)
                    if file.is_file() and not name.startswith("."):
                        yield STATE + str(file.relative_to(top.parent)), file
