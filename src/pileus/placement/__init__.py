"""Placement: who has how much of what, and who uses it."""

from .claims import NoCapacity, allocations, claim, release
from .hosts import Candidate, Funnel, candidates
from .provide import Inventory, Usage, provider_put, provider_remove, usages

__all__ = [
    "Candidate",
    "Funnel",
    "Inventory",
    "NoCapacity",
    "Usage",
    "allocations",
    "candidates",
    "claim",
    "provider_put",
    "provider_remove",
    "release",
    "usages",
]
