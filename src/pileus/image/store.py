"""Where images' bytes lie: files under one folder.

`<id>` is an image's finished file; `partial/<id>.<upload>` is what an upload has brought so far,
or what has been staged. An uploader holds a lock on its partial file, which the kernel drops when
the process dies: so a partial file without a lock belongs to nobody that lives. What is done to a
finished file happens under the store's own lock, together with the change of the image's row.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PIECE = 1 << 20
_BLOCK = 64 << 10
_ZEROS = bytes(_BLOCK)


class Partial:
    """A file that is being written by one upload. Close it to give it up or hand it over."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def write(self, data: bytes) -> None:
        """Append these bytes; blocks of zeros become holes. Raises OSError: the disk is full."""
        whole = memoryview(data)
        start = 0
        for at in range(0, len(data), _BLOCK):
            # Most blocks are told from zeros by their first byte.
            if not data[at] and data[at : at + _BLOCK] == _ZEROS[: len(data) - at]:
                self._append(whole[start:at])
                start = min(at + _BLOCK, len(data))
                self.size += start - at
        self._append(whole[start:])

    def _append(self, left: memoryview) -> None:
        while left:
            done = os.pwrite(self._fd, left, self.size)
            self.size += done
            left = left[done:]

    def sync(self) -> None:
        """Return once the bytes are on the disk."""
        os.ftruncate(self._fd, self.size)  # it may end with a hole
        os.fsync(self._fd)

    def close(self) -> None:
        """Let go of the file and its lock; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class ImageStore:
    """The files of all images."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._partial = root / "partial"
        self._partial.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._mutex = threading.RLock()
        self._depth = 0  # how often this thread holds the lock

    def path(self, image_id: str) -> Path:
        """Where an active image's bytes are."""
        return self.root / image_id

    def partial_path(self, image_id: str, upload: str) -> Path:
        """Where the bytes of this upload are."""
        return self._partial / f"{image_id}.{upload}"

    def begin(self, image_id: str, upload: str) -> Partial:
        """Start a file for an upload."""
        return Partial(self.partial_path(image_id, upload))

    def finish(self, image_id: str, upload: str) -> None:
        """Make a synced partial file the image's file, for good. Call it under `locked`."""
        os.chmod(self.partial_path(image_id, upload), 0o644)
        os.replace(self.partial_path(image_id, upload), self.path(image_id))
        _sync_folder(self.root)

    def remove(self, image_id: str) -> None:
        """Remove an image's file. Whoever reads it reads on; one that is gone is no error."""
        self.path(image_id).unlink(missing_ok=True)

    def drop(self, image_id: str, upload: str) -> None:
        """Remove a partial file; one that is gone is no error."""
        self.partial_path(image_id, upload).unlink(missing_ok=True)

    def files(self) -> set[str]:
        """The ids that have a finished file."""
        return {entry.name for entry in os.scandir(self.root) if entry.name not in _OWN}

    def partials(self) -> set[tuple[str, str]]:
        """(image, upload) of every partial file."""
        found = set()
        for entry in os.scandir(self._partial):
            image_id, _, upload = entry.name.partition(".")
            found.add((image_id, upload))
        return found

    @contextmanager
    def held(self, image_id: str, upload: str) -> Iterator[bool]:
        """Have a partial file to oneself, an empty one where there is none: whether one has it."""
        path = self.partial_path(image_id, upload)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(fd)

    def living(self, image_id: str, upload: str) -> bool:
        """Whether a process is writing this partial file now."""
        try:
            fd = os.open(self.partial_path(image_id, upload), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def read(self, image_id: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """The bytes from `first` to `last`, both included, in pieces of a MiB.

        The file is opened at once, so that a delete that comes later does not cut the read short.
        Raises FileNotFoundError.
        """
        fd = os.open(self.path(image_id), os.O_RDONLY | os.O_CLOEXEC)
        end = os.fstat(fd).st_size if last is None else last + 1
        return _pieces(fd, first, end)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store's lock, against other threads and other processes. It may be nested."""
        with self._mutex:
            if self._depth:
                yield
                return
            fd = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                self._depth += 1
                yield
            finally:
                self._depth = 0
                os.close(fd)


_LOCK = ".lock"
_OWN = {_LOCK, "partial", "cache"}


def _pieces(fd: int, at: int, end: int) -> Iterator[bytes]:
    # The descriptor lives in an object of its own, so that it closes even if nothing is ever read.
    file = os.fdopen(fd, "rb", buffering=0)

    def pieces() -> Iterator[bytes]:
        with file:
            place = at
            while place < end:
                piece = os.pread(file.fileno(), min(_PIECE, end - place), place)
                if not piece:
                    return
                place += len(piece)
                yield piece

    return pieces()


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
