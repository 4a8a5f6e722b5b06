"""Several hashes of the same bytes, each in a thread of its own while the bytes are written."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Digests:
    """Feed it piece by piece; a piece is hashed while the next one comes."""

    def __init__(self, *names: str) -> None:
        self._hashes = [hashlib.new(name, usedforsecurity=False) for name in names]
        self._threads = ThreadPoolExecutor(len(names), "hash")
        self._coming: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown()

    def feed(self, data: bytes) -> None:
        """Take the next bytes; at most one piece waits."""
        self._wait()
        self._coming = [self._threads.submit(one.update, data) for one in self._hashes]

    def _wait(self) -> None:
        for one in self._coming:
            one.result()

    def values(self) -> list[str]:
        """The hashes, in hexadecimal digits."""
        self._wait()
        return [one.hexdigest() for one in self._hashes]
