"""How often, and after which pause, a transaction is run again."""

import logging
import random
import time
from collections.abc import Iterable

from sqlalchemy.exc import DBAPIError

from .crowd import Crowds
from .errors import BadRequest, NoWrites, Unavailable
from .health import Health
from .trouble import Trouble, trouble

log = logging.getLogger(__name__)
_TRIES = 40  # of a transaction that collides
_CLASHES = 4  # tries that may violate a key, where the next snapshot may show whose it is
_PAUSE = 0.25
_ABSENCE = 30.0  # seconds that a database may be away
_LATER = {"Retry-After": "5"}


class Stale(Exception):
    """A conditional write met a row changed by somebody else: the transaction runs again."""


class Patience:
    """What has gone wrong with one transaction so far; it pauses, or raises when it is enough."""

    def __init__(
        self, health: Health, crowds: Crowds, kind: str = "", lines: Iterable[str] = ()
    ) -> None:
        """lines: what the first try stands in line for, with what its kind collided at lately."""
        self._health, self._crowds, self._kind = health, crowds, kind
        self.lines = {*lines, *crowds.of(kind)}  # what the next try stands in line for
        self._crowd = ""
        self._tries = self._clashes = 0
        self._clash = ""
        self._lost_at: float | None = None

    def stood(self, lines: Iterable[str], crowd: str) -> None:
        """A try has failed that named these lines, `crowd` as the last one."""
        self.lines.update(lines)
        self._crowd = crowd

    def met(self, problem: DBAPIError, server: bool) -> None:
        """Pause where another try may help, else raise.

        server: whether writers run side by side. There a violated key may belong to a row that
            this transaction's snapshot does not show yet, and the next try sees it.

        Raises `problem` itself, BadRequest or Unavailable.
        """
        kind = trouble(problem)
        if kind is Trouble.AGAIN:
            self.again(problem)
        elif kind is Trouble.LOST:
            self._lost(problem)
        elif kind is Trouble.CLASH and server and self._may_clash(problem):
            self.again(problem)
        elif kind is Trouble.TOO_MUCH:
            raise BadRequest(
                "This asks for too much at once: name fewer or shorter conditions."
            ) from problem
        elif kind is Trouble.UNFIT:
            log.warning("a value does not fit: %s", problem.orig)
            raise BadRequest("A value in this request is more than can be stored.") from problem
        elif kind in (Trouble.FULL, Trouble.READ_ONLY):
            self._health.ill(kind.value, str(problem.orig))
            raise NoWrites(
                f"Nothing was changed: {kind.value}. The operator's `pileus doctor` says more.",
                headers=dict(_LATER),
            ) from problem
        else:
            raise problem

    def again(self, reason: Exception) -> None:
        """The transaction collided with another: pause. Raises Unavailable after many tries."""
        self._tries += 1
        if self._kind and self._crowd:
            self._crowds.met(self._kind, self._crowd)
        log.info("transaction is run again: %s", reason)
        if self._tries >= _TRIES:
            raise busy(reason) from reason
        if not self.lines:
            time.sleep(random.uniform(0, min(_PAUSE, 0.002 * 2**self._tries)))  # noqa: S311

    def _lost(self, problem: DBAPIError) -> None:
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            log.warning("the database is away, waiting for it: %s", problem.orig)
        elif now - self._lost_at > _ABSENCE:
            raise Unavailable(
                "The database does not answer; nothing was changed.", headers=dict(_LATER)
            ) from problem
        time.sleep(random.uniform(0.02, _PAUSE))  # noqa: S311

    def _may_clash(self, problem: DBAPIError) -> bool:
        told, self._clash = self._clash, str(problem.orig)
        self._clashes += 1
        return told != self._clash and self._clashes < _CLASHES


def busy(reason: Exception) -> Unavailable:
    """The error of a database that is too busy for one more transaction."""
    log.warning("a transaction was given up: %s", reason)
    return Unavailable(
        "The database is too busy to complete this request; try again.", headers=dict(_LATER)
    )
