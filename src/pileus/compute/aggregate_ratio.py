"""Allocation ratios that aggregates say: they become those of their hosts' inventories.

So placement shows them, and every claim keeps to them. A host in several such aggregates has the
smallest; one in none has the usual.
"""

from collections.abc import Iterable, Mapping

from .. import placement
from ..core.db import Tx
from .host import CPU_RATIO, DISK_RATIO, RAM_RATIO, host_id

_USUAL = {
    "cpu_allocation_ratio": ("VCPU", CPU_RATIO),
    "ram_allocation_ratio": ("MEMORY_MB", RAM_RATIO),
    "disk_allocation_ratio": ("DISK_GB", DISK_RATIO),
}
_MOST = 10_000.0


class BadRatio(ValueError):
    """An aggregate's metadata says a ratio that is none."""


def check(meta: Mapping[str, str | None]) -> None:
    """Raises BadRatio for a ratio that is no number above 0."""
    for key in _USUAL.keys() & meta.keys():
        text = meta[key]
        if text is not None and _number(text) is None:
            raise BadRatio(
                f"{key} is {text[:40]!r} and must be a number above 0, at most {_MOST:g}"
            )


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found <= _MOST else None


def spoken_of(meta: Iterable[str]) -> bool:
    """Whether any of these keys of an aggregate's metadata is a ratio."""
    return bool(_USUAL.keys() & set(meta))


def follow(tx: Tx, host: str, metas: Iterable[Mapping[str, str]]) -> None:
    """Give the host's inventories the ratios that its aggregates, of this metadata, say.

    Raises placement's Conflict when more is used than there would be.
    """
    metas = list(metas)
    for key, (resource_class, usual) in _USUAL.items():
        said = [found for meta in metas if (found := _number(str(meta.get(key, "")))) is not None]
        placement.ratio_put(tx, host_id(host), resource_class, min(said, default=usual))
