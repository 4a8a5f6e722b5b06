"""Rotation of the keys that make tokens, while the cloud runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Config
from .jws import Jws
from .key_files import KeyFiles
from .keys import Keys
from .settings import read

_SPARE = 3600  # seconds for a process on another host to see the new files


@dataclass(frozen=True)
class NewKey:
    """The key that makes tokens now, and those removed because no living token can need them."""

    folder: Path
    number: int
    removed: tuple[int, ...]


def rotate(config: Config, now: float) -> list[NewKey]:
    """Rotate the keys of Fernet and, where there are any, of signed tokens.

    now: seconds since 1970. Raises BadSettings, OSError, and ValueError for a key that cannot be
    read.
    """
    settings = read(config.identity_file)
    needed = config.token_hours * 3600 + settings.token.allow_expired_window + _SPARE
    files: list[KeyFiles[Any]] = [Keys(config.shared / "fernet-keys").files]
    signed = config.shared / "jws-keys"
    if settings.token.provider == "jws" or signed.exists():
        files.append(Jws(signed).files)
    found = []
    for one in files:
        number, removed = one.rotate(now, needed)
        found.append(NewKey(one.folder, number, tuple(removed)))
    return found
