"""Files copied with their holes."""

import errno
import os
from pathlib import Path

_PIECE = 1 << 20


def copy(source: Path, target: Path) -> None:
    """Copy a file so that its holes stay holes, and return once it is on the disk.

    Raises OSError, and then leaves no target.
    """
    try:
        with source.open("rb", buffering=0) as old, target.open("wb", buffering=0) as new:
            size = os.fstat(old.fileno()).st_size
            at = 0
            while at < size:
                try:
                    at = os.lseek(old.fileno(), at, os.SEEK_DATA)
                except OSError as problem:
                    if problem.errno == errno.ENXIO:  # only a hole is left
                        break
                    raise
                end = os.lseek(old.fileno(), at, os.SEEK_HOLE)
                at = _extent(old.fileno(), new.fileno(), at, end)
            os.ftruncate(new.fileno(), size)
            os.fsync(new.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _extent(old: int, new: int, at: int, end: int) -> int:
    while at < end:
        piece = os.pread(old, min(_PIECE, end - at), at)
        if not piece:
            return end
        os.pwrite(new, piece, at)
        at += len(piece)
    return at
