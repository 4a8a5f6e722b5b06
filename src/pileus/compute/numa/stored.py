"""A host's cells as its row keeps them: processors as text, as every choice reads the row."""

from collections.abc import Iterable, Mapping
from typing import Any

from ...host.processors import parse, written
from ..driver import HostCell


def dump(cells: Iterable[HostCell]) -> list[dict[str, Any]]:
    """The cells as JSON."""
    return [
        {
            "id": one.id,
            "cpus": written(one.cpus),
            "memory_mb": one.memory_mb,
            "siblings": [written(core) for core in one.siblings],
            "pages": dict(one.pages),
            "dedicated": written(one.dedicated),
        }
        for one in cells
    ]


def load(rows: Iterable[Mapping[str, Any]]) -> list[HostCell]:
    """The cells again."""
    return [
        HostCell(
            id=row["id"],
            cpus=_cpus(row["cpus"]),
            memory_mb=row["memory_mb"],
            siblings=tuple(_cpus(core) for core in row["siblings"]),
            pages=row["pages"],
            dedicated=_cpus(row["dedicated"]),
        )
        for row in rows
    ]


def _cpus(text: str) -> tuple[int, ...]:
    return tuple(sorted(parse(text))) if text else ()
