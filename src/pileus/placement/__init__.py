"""Placement: who has how much of what, and who uses it."""

from ..core.db import Database
from ..core.flow import Flow
from ..core.loop import Loop
from ..core.parts import Parts
from .audit import INVARIANTS, samples
from .changes import loop
from .claims import NoCapacity, claim, claim_tree, release
from .claims import held_by as holdings
from .claims import held_by_all as all_allocations
from .claims import held_of_trees as allocations
from .hosts import Candidate, Funnel, candidates
from .index import Index
from .names import names_put, standard_classes, standard_traits
from .provide import (
    Inventory,
    Usage,
    aggregate_add,
    aggregate_remove,
    below,
    held_of,
    holding,
    provider_put,
    provider_remove,
    ratio_put,
    trait_put,
    tree_remove,
    unused_below,
    usages,
    with_trait,
)
from .query import Asked as Group
from .search import Slot
from .search import Wish as Request
from .service import SERVICE
from .tree import Step, times, way

FLOWS: tuple[Flow, ...] = ()

__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "Candidate",
    "Funnel",
    "Group",
    "Index",
    "Inventory",
    "NoCapacity",
    "Request",
    "Slot",
    "Step",
    "Usage",
    "aggregate_add",
    "aggregate_remove",
    "all_allocations",
    "allocations",
    "below",
    "candidates",
    "claim",
    "claim_tree",
    "held_of",
    "holding",
    "holdings",
    "loops",
    "names_put",
    "provider_put",
    "provider_remove",
    "ratio_put",
    "release",
    "samples",
    "standard_classes",
    "standard_traits",
    "times",
    "trait_put",
    "tree_remove",
    "unused_below",
    "usages",
    "way",
    "with_trait",
]


def loops(parts: Parts) -> list[Loop]:
    """What forgets which providers have changed long ago."""
    return [loop(parts[Database])]
