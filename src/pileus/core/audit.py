"""Invariants: what must be true of the whole cloud, each with an id and a sentence."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .db import Tx
from .parts import Parts


@dataclass(frozen=True)
class Violation:
    """What is wrong in one place, and what a repair does about it.

    does: the repair in words; "" where none is both safe and certain. rows: mends rows, in a
    writing transaction, and first makes sure there that it is still right to. outside: mends what
    no transaction holds (a file, a tap); it runs after `rows`.
    """

    detail: str
    does: str = ""
    rows: Callable[[Tx], object] | None = None
    outside: Callable[[], object] | None = None


@dataclass(frozen=True)
class Invariant:
    """`check` yields each violation, a bare sentence where nothing can mend it.

    The ids I1 to I14 are those of the design; several invariants may be parts of one.

    check: reads rows and asks drivers what is real. It is called with a reading transaction.
    """

    id: str
    sentence: str
    check: Callable[[Parts, Tx], Iterable[str | Violation]]


@dataclass(frozen=True)
class Finding:
    """One violation of one invariant."""

    id: str
    sentence: str
    detail: str
    violation: Violation = field(compare=False, repr=False)

    @property
    def body(self) -> dict[str, str]:
        """The finding as JSON; `repair` says what a repair would do, "" where it does nothing."""
        return {
            "id": self.id,
            "sentence": self.sentence,
            "detail": self.detail,
            "repair": self.violation.does,
        }


def audit(invariants: Iterable[Invariant], parts: Parts, tx: Tx) -> list[Finding]:
    """Check every invariant; an empty list is a clean cloud."""
    found = []
    for invariant in invariants:
        for wrong in invariant.check(parts, tx):
            if isinstance(wrong, str):
                wrong = Violation(wrong)
            found.append(Finding(invariant.id, invariant.sentence, wrong.detail, wrong))
    return found
