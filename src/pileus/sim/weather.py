"""A hypervisor that is slow and fails now and then, as the seed wants it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from threading import Lock

from ..compute.driver import ComputeDriver, GuestSpec, HostFacts, Observation
from ..core.backend import Broken, Busy, Refused

# Of the calls that fail. What is refused ends in ERROR; the rest is tried again.
_KINDS: Sequence[tuple[type[Exception], float]] = ((Busy, 0.5), (Broken, 0.3), (Refused, 0.2))


class Weather:
    """A `ComputeDriver` around another.

    Whether a call fails, how, and how long it takes depends on the seed, the host, the guest and
    how often it was called for that guest, never on which thread came first. A failing call has
    done its work or not, as one whose answer was lost.
    """

    def __init__(
        self,
        inner: ComputeDriver,
        seed: str,
        fail: float,
        delay: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """fail: the share of calls. delay: seconds in the mean, spent in `sleep`."""
        self.name = inner.name
        self._inner, self._seed, self._fail, self._delay = inner, seed, fail, delay
        self._sleep = sleep
        self._lock = Lock()
        self._calls: Counter[str] = Counter()

    def facts(self) -> HostFacts:
        """Never disturbed: without it there is no host."""
        return self._inner.facts()

    def ensure(self, spec: GuestSpec) -> Observation:
        """Make the guest so, perhaps."""
        chance, problem = self._begin("ensure", spec.id)
        if problem is not None and (isinstance(problem, Refused) or chance.random() < 0.5):
            raise problem
        found = self._inner.ensure(spec)
        if problem is not None:
            raise problem
        return found

    def remove(self, guest_id: str) -> None:
        """Remove the guest, perhaps."""
        chance, problem = self._begin("remove", guest_id)
        if problem is not None and chance.random() < 0.5:
            raise problem
        self._inner.remove(guest_id)
        if problem is not None:
            raise problem

    def observe(self) -> Sequence[Observation]:
        """What is there. A failure here only means that the host is looked at later."""
        _, problem = self._begin("observe", "")
        if problem is not None:
            raise problem
        return self._inner.observe()

    def console_log(self, guest_id: str) -> bytes:
        """The inner driver's."""
        return self._inner.console_log(guest_id)

    def _begin(self, operation: str, guest: str) -> tuple[random.Random, Exception | None]:
        with self._lock:
            self._calls[operation + guest] += 1
            number = self._calls[operation + guest]
        chance = random.Random(f"{self._seed} {operation} {guest} {number}")  # noqa: S311
        if self._delay:
            self._sleep(min(chance.expovariate(1 / self._delay), self._delay * 10))
        if chance.random() >= self._fail:
            return chance, None
        kinds, weights = zip(*_KINDS, strict=True)
        kind: type[Exception] = chance.choices(kinds, weights)[0]
        return chance, kind(f"The simulated host lets this call of {operation} fail.")
