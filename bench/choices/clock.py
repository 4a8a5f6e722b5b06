"""Timing for the choices: the median of several rounds, and the ratio to the first."""

import statistics
import time
from collections.abc import Callable


def rate(work: Callable[[], object], seconds: float = 0.4, rounds: int = 5) -> float:
    """Calls per second, the median of the rounds."""
    found = []
    for _ in range(rounds):
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds / rounds:
            for _ in range(10):
                work()
            count += 10
        found.append(count / (time.perf_counter() - begun))
    return statistics.median(found)


def table(title: str, contenders: dict[str, Callable[[], object]]) -> None:
    """Print each contender's rate, and its ratio to the first one's."""
    print(f"\n{title}")
    rates = {name: rate(work) for name, work in contenders.items()}
    first = next(iter(rates.values()))
    for name, found in rates.items():
        print(f"  {name:34} {found:12,.0f}/s  {found / first:6.2f}")
