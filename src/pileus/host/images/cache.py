"""A cache of built things, each under the hash of the recipe that made it."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def default_cache() -> Path:
    """The folder for built images: machine-wide for root, in the user's home for anyone else."""
    if os.geteuid() == 0:
        return Path("/var/cache/pileus/images")
    return Path.home() / ".cache" / "pileus" / "images"


def built(cache: Path, name: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """The folder `name-<hash of recipe>` in `cache`, made by `make(folder)` when absent.

    It appears whole or not at all: `make` fills a temporary folder that is renamed at the end.
    A second process that wants the same thing waits for the first. Older builds of the same name
    are left alone, because running guests may still rest on them.
    """
    final = cache / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if final.is_dir():
        return final
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_dir():
            return final
        half = cache / f".{final.name}.building"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        try:
            make(half)
            half.rename(final)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return final
