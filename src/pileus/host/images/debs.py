"""Debian packages as plain files, fetched from the machine's own apt sources, not installed."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path


class BuildFailed(Exception):
    """An image could not be built; the message says which command failed and what it printed."""


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command of the build and return what it printed. Raises BuildFailed."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            check=False,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError as error:
        raise BuildFailed(f"{words[0]} is not installed on this machine") from error
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise BuildFailed(f"{' '.join(words)} failed ({done.returncode}):\n{tail}")
    return done.stdout


def newest_dependency(package: str, pattern: str) -> str:
    """The first dependency of `package` whose name matches `pattern`.

    A meta package such as linux-image-cloud-amd64 names the real one this way. Raises BuildFailed
    when apt knows neither, which mostly means that its lists were never fetched.
    """
    for line in run("apt-cache", "depends", package).splitlines():
        found = re.fullmatch(rf"\s*\|?Depends: ({pattern})", line)
        if found:
            return found.group(1)
    raise BuildFailed(f"apt knows no dependency of {package} like {pattern}; run: apt-get update")


def unpack(packages: Sequence[str], folder: Path) -> Path:
    """Download exactly `packages` and unpack them all into `folder`/root, which is returned."""
    debs, root = folder / "debs", folder / "root"
    debs.mkdir(parents=True, exist_ok=True)
    root.mkdir(exist_ok=True)
    # apt's own sandbox user could not write into a folder that belongs to someone else.
    run("apt-get", "-q", "-o", "APT::Sandbox::User=", "download", *packages, cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        run("dpkg-deb", "-x", deb, root)
    return root
