"""One call at a time for each guest."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """A lock for each name, which is forgotten when nobody holds it or waits for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._turns: dict[str, tuple[Lock, int]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Wait for the name's turn and hold it."""
        with self._lock:
            turn, users = self._turns.get(name, (Lock(), 0))
            self._turns[name] = (turn, users + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                turn, users = self._turns[name]
                if users == 1:
                    del self._turns[name]
                else:
                    self._turns[name] = (turn, users - 1)

    def __len__(self) -> int:
        return len(self._turns)
