"""How the hosts became fewer, for whoever asks why there was none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Funnel:
    """How many hosts there were, and how many each constraint left, in the order of asking."""

    total: int
    steps: Sequence[tuple[str, int]]

    def __str__(self) -> str:
        parts = [f"{self.total} host{'' if self.total == 1 else 's'} at the start"]
        parts += [f"{text} left {left}" for text, left in self.steps]
        return "; ".join(parts)

    def view(self) -> dict[str, Any]:
        """As it is stored and shown."""
        before = [self.total, *(left for _, left in self.steps)]
        return {
            "hosts": self.total,
            "steps": [
                {"constraint": text, "removed": had - left, "left": left}
                for had, (text, left) in zip(before, self.steps, strict=False)
            ],
        }


class NoValidHost(Exception):
    """No host can take the server; the message says how many each constraint left."""

    def __init__(self, funnel: Funnel) -> None:
        super().__init__(f"No valid host was found: {funnel}.")
        self.funnel = funnel
