"""Copies of images below this process's image folder: a cache for what lies in other stores.

`cache/<id>` is a whole copy; `cache/queue/<id>`, empty, asks for one. A copy of what lies in the
folder beside it is a second name of the same file.
"""

import fcntl
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .pieces import pieces


@dataclass(frozen=True)
class Copy:
    """A cached image: its size in bytes, how often it was read here, and seconds since 1970."""

    image_id: str
    size: int
    hits: int
    last_accessed: float
    last_modified: float


class Cache:
    """The copies, and the queue of those that are asked for."""

    def __init__(self, root: Path, most: int) -> None:
        """most: the bytes that `prune` leaves."""
        self.root, self._most = root, most
        self._queue = root / "queue"
        self._queue.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._hits: dict[str, int] = {}

    def path(self, image_id: str) -> Path:
        """Where the copy of this image is, if there is one."""
        return self.root / image_id

    def read(self, image_id: str, first: int, last: int) -> Iterator[bytes]:
        """The bytes of a copy. Raises FileNotFoundError."""
        found = pieces(self.path(image_id), first, last)
        with self._lock:
            self._hits[image_id] = self._hits.get(image_id, 0) + 1
        return found

    def link(self, image_id: str, path: Path) -> None:
        """Give the file a second name as the image's copy. Raises FileNotFoundError."""
        try:
            os.link(path, self.path(image_id))
        except FileExistsError:
            return

    @contextmanager
    def filling(self, image_id: str) -> Iterator[Path | None]:
        """A new file to write a copy into; None where a copy has come meanwhile.

        It becomes the copy when the block ends well. Others wait.
        """
        new = self.root / f".{image_id}.new"
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if self.path(image_id).exists():
                new.unlink(missing_ok=True)
                yield None
                return
            try:
                yield new
                os.replace(new, self.path(image_id))
            finally:
                new.unlink(missing_ok=True)
        finally:
            os.close(fd)

    def remove(self, image_id: str) -> bool:
        """Remove a copy and a wish for one; whether there was either."""
        found = False
        for path in (self.path(image_id), self._queue / image_id):
            try:
                path.unlink()
                found = True
            except FileNotFoundError:
                continue
        return found

    def copies(self) -> list[Copy]:
        """All copies, the one read longest ago first."""
        found = []
        for name in self._names(self.root):
            try:
                stat = self.path(name).stat()
            except FileNotFoundError:
                continue
            hits = self._hits.get(name, 0)
            found.append(Copy(name, stat.st_size, hits, stat.st_atime, stat.st_mtime))
        return sorted(found, key=lambda one: one.last_accessed)

    def queued(self) -> list[str]:
        """The images that are asked for, the oldest wish first."""
        return sorted(self._names(self._queue), key=lambda one: (self._asked(one), one))

    def _asked(self, image_id: str) -> float:
        try:
            return (self._queue / image_id).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _names(self, folder: Path) -> Iterable[str]:
        return [e.name for e in os.scandir(folder) if e.is_file() and not e.name.startswith(".")]

    def ask(self, image_id: str) -> None:
        """Ask for a copy."""
        (self._queue / image_id).touch()

    def asked_no_more(self, image_id: str) -> None:
        """The wish is done with."""
        (self._queue / image_id).unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what a dead process had begun to copy."""
        for entry in os.scandir(self.root):
            if not entry.name.endswith(".new"):
                continue
            try:
                fd = os.open(entry.path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                Path(entry.path).unlink(missing_ok=True)
            except BlockingIOError:
                continue
            finally:
                os.close(fd)

    def prune(self) -> tuple[int, int]:
        """Remove what was read longest ago until the rest is small enough: files, bytes."""
        copies = self.copies()
        left = sum(one.size for one in copies)
        files = size = 0
        for one in copies:
            if left - size <= self._most:
                break
            self.path(one.image_id).unlink(missing_ok=True)
            files, size = files + 1, size + one.size
        return files, size
