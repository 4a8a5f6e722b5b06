"""How long the two sides of an agent's connection wait."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """All in seconds."""

    ping: float = 20.0  # an agent that has said nothing for so long says that it is there
    silence: float = 60.0  # a side that has heard nothing for so long takes the other for dead
    greeting: float = 10.0  # for the handshake, and for the first message
    connect: float = 30.0  # for an agent to get through, with thousands who call at once
    poll: float = 1.0  # between looks for what other processes have changed, at least
    seen: float = 20.0  # between notes of which hosts are there
    retry: float = 0.5  # before an agent calls again for the first time; doubled each time, up to
    longest: float = 30.0  # this
    call: float = 15.0  # for an answer of the other side

    def pause(self, attempt: int) -> float:
        """Before the attempt after `attempt` failures: random, lest all hosts call at once."""
        most: float = min(self.longest, self.retry * 2.0 ** min(attempt, 16))
        return random.uniform(most / 2, most)  # noqa: S311
