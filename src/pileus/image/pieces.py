"""A file's bytes in pieces."""

import os
from collections.abc import Iterator
from pathlib import Path

_PIECE = 1 << 20


def pieces(path: Path, first: int, last: int) -> Iterator[bytes]:
    """The bytes from `first` to `last`, both included, in pieces of a MiB.

    The file is opened at once, so that a delete that comes later does not cut the read short.
    Raises FileNotFoundError.
    """
    # The descriptor lives in an object of its own, so that it closes even if nothing is ever read.
    file = path.open("rb", buffering=0)

    def each() -> Iterator[bytes]:
        with file:
            at = first
            while at <= last and (piece := os.pread(file.fileno(), min(_PIECE, last + 1 - at), at)):
                at += len(piece)
                yield piece

    return each()
