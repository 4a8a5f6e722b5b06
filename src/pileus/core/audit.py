"""Invariants: what must be true of the whole cloud, each with an id and a sentence."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .db import Tx
from .parts import Parts


@dataclass(frozen=True)
class Invariant:
    """`check` yields a sentence for each violation; ids I1 to I14 are those of the design.

    check: reads rows and asks drivers what is real. It is called with a reading transaction.
    """

    id: str
    sentence: str
    check: Callable[[Parts, Tx], Iterable[str]]


@dataclass(frozen=True)
class Finding:
    """One violation of one invariant."""

    id: str
    sentence: str
    detail: str


def audit(invariants: Iterable[Invariant], parts: Parts, tx: Tx) -> list[Finding]:
    """Check every invariant; an empty list is a clean cloud."""
    return [
        Finding(invariant.id, invariant.sentence, detail)
        for invariant in invariants
        for detail in invariant.check(parts, tx)
    ]
