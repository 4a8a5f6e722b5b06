"""Keys as files with numbers for names: the highest makes tokens, all of them open some.

File 0 is the key that comes next. Every process knows it before anything is made by it, so that a
rotation logs nobody out, however late a process on another host sees the new files.
"""

import logging
import os
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar

K = TypeVar("K")
NEXT = 0
log = logging.getLogger(__name__)


class KeyFiles(Generic[K]):
    """The keys in one folder, which is made with its first keys when it is not there.

    The folder is read anew when it has changed. Processes on several hosts need the same files.
    """

    def __init__(
        self, folder: Path, make: Callable[[], bytes], read: Callable[[bytes], K], kind: str
    ) -> None:
        """Raises ValueError, naming the file, when a key cannot be read as one."""
        self.folder, self._make, self._parse, self._kind = folder, make, read, kind
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = _numbers(folder)
        if not set(there) - {NEXT}:
            _write(folder, 1, make())
        if NEXT not in there:
            _write(folder, NEXT, make())
        self._stamp, self._keys = self._read()

    def keys(self) -> Mapping[int, K]:
        """The keys by number, the one that makes tokens first, the next one last."""
        if self.folder.stat().st_mtime_ns != self._stamp:
            try:
                self._stamp, self._keys = self._read()
            except (OSError, ValueError) as wrong:
                log.error("keys are kept as they were: %s", wrong)
        return self._keys

    def rotate(self, now: float, needed: float) -> tuple[int, list[int]]:
        """Make tokens by the next key from now on, and make another next one.

        now: seconds since 1970. needed: for how many seconds a token may be opened; a key that
        has made none for so long is removed. Returns the key's number and those removed. Raises
        FileExistsError when somebody else rotates at the same time.
        """
        number = max(_numbers(self.folder)) + 1
        _write(self.folder, number, (self.folder / str(NEXT)).read_bytes())
        _write(self.folder, NEXT, self._make(), replace=True)
        made = sorted(set(_numbers(self.folder)) - {NEXT})
        gone = []
        for key, later in pairwise(made):
            if (self.folder / str(later)).stat().st_mtime + needed < now:
                (self.folder / str(key)).unlink()
                gone.append(key)
        return number, gone

    def _read(self) -> tuple[int, dict[int, K]]:
        stamp = self.folder.stat().st_mtime_ns  # first: what changes while we read is read again
        keys: dict[int, K] = {}
        for number in sorted(_numbers(self.folder), reverse=True):
            path = self.folder / str(number)
            try:
                keys[number] = self._parse(path.read_bytes().strip())
            except FileNotFoundError:
                continue  # removed just now
            except ValueError as wrong:
                raise ValueError(f"{path} holds no {self._kind} key: {wrong}") from None
        return stamp, keys


def _numbers(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def _write(folder: Path, number: int, data: bytes, replace: bool = False) -> None:
    own = folder / f".new-{os.getpid()}"
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        own.replace(folder / str(number))
        return
    try:
        # A link appears whole or not at all, and the first of two processes wins.
        os.link(own, folder / str(number))
    except FileExistsError:
        if number not in (NEXT, 1):
            raise
    finally:
        own.unlink()
