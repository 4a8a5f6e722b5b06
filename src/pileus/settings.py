"""A cloud's settings, kept in its state directory so that every command finds them again."""

import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from .config import Config

_FILE = "config.json"
_PATHS = {
    "state",
    "policy_file",
    "scheduler_file",
    "identity_file",
    "image_file",
    "tls_cert",
    "tls_key",
    "clouds_file",
    "commons",
}


class Unreadable(ValueError):
    """The file of settings is damaged."""


def exists(state: Path) -> bool:
    """Whether a cloud has been set up in this directory."""
    return (state / _FILE).exists()


def load(state: Path) -> Config:
    """The settings of the cloud in `state`. Raises FileNotFoundError, Unreadable."""
    file = state / _FILE
    try:
        found = json.loads(file.read_text())
        known = {f.name for f in fields(Config)}
        values: dict[str, Any] = {
            key: Path(value) if key in _PATHS and value is not None else value
            for key, value in found.items()
            if key in known
        }
    except (ValueError, TypeError, AttributeError) as wrong:
        raise Unreadable(
            f"{file} is damaged ({wrong}): put a copy of it back, or `pileus uninstall` what is"
            " left of the cloud."
        ) from None
    values["state"] = state
    return Config(**values)


def move(folder: Path, state: Path, database: str) -> None:
    """Write the settings in `folder` anew for a cloud that is to live in `state`.

    Files that lay in its old directory are looked for in the new one.
    """
    old = Path(json.loads((folder / _FILE).read_text()).get("state", state))
    config = load(folder)
    moved: dict[str, Any] = {
        name: state / value.relative_to(old)
        for name in _PATHS - {"state"}
        if (value := getattr(config, name)) is not None and value.is_relative_to(old)
    }
    save(replace(config, state=folder, database=database, **{**moved, "commons": None}))


def save(config: Config) -> None:
    """Write the settings, whole or not at all."""
    values = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in asdict(config).items()
    }
    temporary = config.state / f"{_FILE}.new"
    # The first start's passwords stand here too, for `pileus reset`: only the owner may read it.
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(json.dumps(values, indent=2) + "\n")
    temporary.replace(config.state / _FILE)
