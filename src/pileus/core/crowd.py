"""Rows at which transactions of one kind keep colliding: the next of that kind queues for them.

A row that everybody writes (a host's revision, a provider's inventory) is not known before a
transaction has looked around; but where its kind collided a moment ago, it is likely to collide.
"""

import time

_LATELY = 10.0  # seconds that a collision is remembered
_MOST = 4  # lines that a transaction stands in because others collided there


class Crowds:
    """The lines (see `Tx.line`) at which transactions have collided lately, by their kind."""

    def __init__(self) -> None:
        self._met: dict[str, dict[str, float]] = {}

    def met(self, kind: str, line: str) -> None:
        """A transaction of this kind has collided at the row of this line."""
        known = {name: at for name, at in self._met.get(kind, {}).items() if name != line}
        newest = list(known.items())[1 - _MOST :]
        self._met[kind] = dict([*newest, (line, time.monotonic())])  # in one go: threads read it

    def of(self, kind: str) -> set[str]:
        """The lines that a transaction of this kind should stand in from the start."""
        now = time.monotonic()
        return {line for line, at in self._met.get(kind, {}).items() if now - at < _LATELY}
