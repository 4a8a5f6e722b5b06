"""What in a state directory is the cloud's own, so that nothing else there is ever removed."""

import shutil
from pathlib import Path

import click

_NAMES = frozenset(
    (
        *(
            "accelerator.json",
            "backup",
            "config.json",
            "control.key",
            "credential-keys",
            "federation.yaml",
            "fernet-keys",
            "images",
            "instances",
        ),
        *("libvirt", "lock", "log", "ovn", "ovs", "packages.json", "pileus.pid", "resets"),
        *("saml.pem", "serve.lock", "vault.key", "tls.crt", "tls.key"),
        *(
            "agent-port",
            "next-version.json",
            "process.id",
            "simulated-guests.jsonl",
            "simulated-network.jsonl",
        ),
        *("pileus.db", "pileus.db-shm", "pileus.db-wal", "pileus.db-journal"),
    )
)


def foreign(state: Path) -> list[str]:
    """Names in the directory that are not the cloud's."""
    found = [path.name for path in state.iterdir()] if state.exists() else []
    return sorted(name for name in found if name.removesuffix(".new") not in _NAMES)


def refuse_foreign(state: Path) -> None:
    """Keep a new cloud out of a directory that holds other things. Raises ClickException."""
    found = foreign(state)
    if found:
        raise click.ClickException(
            f"{state} holds other things ({', '.join(found[:3])}{', …' if found[3:] else ''}):"
            " give an empty or a new directory with --state."
        )


def remove(state: Path) -> bool:
    """Remove the cloud's things, and the directory if it is empty then; false when it is not."""
    if not state.exists():
        return True
    for path in state.iterdir():
        if path.name.removesuffix(".new") in _NAMES:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    if any(state.iterdir()):
        return False
    state.rmdir()
    return True
