"""The user's clouds.yaml: our entries in, our entries out, every other line as it was.

The file's form is openstacksdk's ("Configuring OpenStack SDK Applications").
"""

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import yaml

from ..config import Config


def default_file() -> Path:
    """Where every OpenStack client looks."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "openstack/clouds.yaml"


def entries(config: Config, name: str) -> dict[str, Any]:
    """The two clouds of a first start: the admin's and the demo user's."""
    return {
        name: _entry(config, "admin", "admin", config.admin_password),
        f"{name}-demo": _entry(config, "demo", "demo", config.demo_password),
    }


def _entry(config: Config, user: str, project: str, password: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "auth": {
            "auth_url": f"{config.catalog_url}/identity",
            "username": user,
            "password": password,
            "project_name": project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
        "region_name": config.region,
        "identity_api_version": "3",
    }
    if config.tls_cert and _vouches_for_itself(config.tls_cert):
        found["cacert"] = str(config.tls_cert)
    return found


def _vouches_for_itself(cert: Path) -> bool:
    """Whether clients have to be told to trust it: no authority has signed it."""
    from cryptography import x509

    found = x509.load_pem_x509_certificate(cert.read_bytes())
    return found.issuer == found.subject


def check(config: Config) -> None:
    """See that our entries can be written and are nobody else's. Raises ClickException."""
    file = config.clouds_file or default_file()
    old = _clouds(file, _text(file)).get(config.cloud_name)
    if old is None or _ours(old, config):
        return
    url = str((old.get("auth") or {}).get("auth_url", "")) if isinstance(old, dict) else ""
    if url != f"{config.catalog_url}/identity" and _answers(url):
        raise click.ClickException(
            f"{file} has a cloud {config.cloud_name!r} already, which answers at {url}: give this"
            " one another name with --cloud-name, or another file with --clouds-file."
        )


def _ours(entry: Any, config: Config) -> bool:
    auth = entry.get("auth") if isinstance(entry, dict) else None
    passwords = (config.admin_password, config.demo_password)
    return isinstance(auth, dict) and auth.get("password") in passwords


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True


def replace_entries(before: Config | None, config: Config) -> None:
    """Write our entries, and take away those that the cloud had under another name or in a file."""
    file = config.clouds_file or default_file()
    if before is not None:
        old = before.clouds_file or default_file()
        if (old, before.cloud_name) != (file, config.cloud_name):
            take_away(before)
    write(file, entries(config, config.cloud_name))


def take_away(config: Config) -> None:
    """Remove the entries of this cloud, if they still are this cloud's. Raises ClickException."""
    file = config.clouds_file or default_file()
    found = _clouds(file, _text(file))
    names = {config.cloud_name, f"{config.cloud_name}-demo"}
    ours = {name for name in names & found.keys() if _ours(found[name], config)}
    if ours:
        remove(file, ours)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def write(file: Path, made: Mapping[str, Any]) -> None:
    """Put our clouds into the file, made where it is not, readable by its owner alone."""
    _replace(file, _merged(file, _text(file), made, set(made)))


def remove(file: Path, names: set[str]) -> None:
    """Take our clouds out of the file, and the file away where nothing else is in it."""
    if file.exists():
        left = _merged(file, _text(file), {}, names)
        if "#" not in left and yaml.safe_load(left) in (None, {}, {"clouds": None}, {"clouds": {}}):
            file.unlink()
            if file == default_file() and not any(file.parent.iterdir()):
                file.parent.rmdir()
        else:
            _replace(file, left)


def _clouds(file: Path, text: str) -> dict[str, Any]:
    """The clouds of a file's text. Raises ClickException where it has another form."""
    try:
        found = yaml.safe_load(text) or {}
    except yaml.YAMLError as wrong:
        said = " ".join(str(wrong).split())
        raise click.ClickException(
            f"{file} is not YAML ({said}): mend it, or give another file with --clouds-file."
        ) from None
    clouds = (found.get("clouds") or {}) if isinstance(found, dict) else None
    if not isinstance(clouds, dict):
        raise click.ClickException(
            f"{file} is not a map with a map 'clouds': mend it, or give another file with"
            " --clouds-file."
        )
    return clouds


def _merged(file: Path, text: str, made: Mapping[str, Any], gone: set[str]) -> str:
    old = _clouds(file, text)
    before = yaml.safe_load(text) or {}
    kept = {k: v for k, v in old.items() if k not in gone}
    wanted = before | {"clouds": kept | dict(made)}
    edited = _edited(text, made, gone)
    if edited is not None and (yaml.safe_load(edited) or {}).get("clouds") == wanted["clouds"]:
        return edited
    return yaml.safe_dump(wanted, sort_keys=False)


def _edited(text: str, made: Mapping[str, Any], gone: set[str]) -> str | None:
    """The text with our blocks replaced line by line; None where its form does not allow that."""
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if re.fullmatch(r"clouds:\s*(#.*)?", line)]
    if not heads:
        return (
            None
            if re.search(r"^clouds:", text, re.M)
            else _edited((text.rstrip() + "\nclouds:\n").lstrip(), made, gone)
        )
    start = heads[0] + 1
    indent = 2
    for line in lines[start:]:
        if line.strip() and not line.lstrip().startswith("#"):
            indent = len(line) - len(line.lstrip()) or 2
            break
    kept: list[str] = []
    dropping = inside = False
    for number, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if number < start:
            kept.append(line)
            continue
        if line.strip():
            inside = depth > 0 if number > start else True
            if inside and depth == indent and not line.lstrip().startswith("#"):
                dropping = line.strip().rstrip(":").strip("'\"") in gone
            elif depth == 0:
                dropping = False
        if not dropping:
            kept.append(line)
    block = yaml.safe_dump(dict(made), sort_keys=False) if made else ""
    ours = [" " * indent + line for line in block.splitlines()]
    return "\n".join([*kept[:start], *ours, *kept[start:]]) + "\n"


def _replace(file: Path, text: str) -> None:
    file = file.resolve()  # a link to the file stays one
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = file.with_name(f".{file.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    temporary.replace(file)
