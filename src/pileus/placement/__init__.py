"""Placement: who has how much of what, and who uses it."""

from ..core.db import Database
from ..core.flow import Flow
from ..core.loop import Loop
from ..core.parts import Parts
from .audit import INVARIANTS, samples
from .changes import loop
from .claims import NoCapacity, claim, release
from .claims import held_by as allocations
from .claims import held_by_all as all_allocations
from .hosts import Candidate, Funnel, candidates
from .index import Index
from .provide import (
    Inventory,
    Usage,
    aggregate_add,
    aggregate_remove,
    holding,
    provider_put,
    provider_remove,
    ratio_put,
    usages,
    with_trait,
)
from .service import SERVICE

FLOWS: tuple[Flow, ...] = ()

__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "Candidate",
    "Funnel",
    "Index",
    "Inventory",
    "NoCapacity",
    "Usage",
    "aggregate_add",
    "aggregate_remove",
    "all_allocations",
    "allocations",
    "candidates",
    "claim",
    "holding",
    "loops",
    "provider_put",
    "provider_remove",
    "ratio_put",
    "release",
    "samples",
    "usages",
    "with_trait",
]


def loops(parts: Parts) -> list[Loop]:
    """What forgets which providers have changed long ago."""
    return [loop(parts[Database])]
