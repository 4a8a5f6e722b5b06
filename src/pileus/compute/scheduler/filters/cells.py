"""NUMA: the host's cells have room for the guest's."""

from collections.abc import Iterator

from ...numa.fit import fit
from ...numa.pinning import host_cells
from ...numa.wanted import wanted
from ..scene import Scene
from ..wish import Wish
from .check import Check


def cells(wish: Wish, scene: Scene) -> Iterator[Check]:
    """NUMATopologyFilter."""
    asked = wanted(wish.flavor, wish.image) if wish.flavor else None
    if asked is not None:
        what = "dedicated processors" if asked.dedicated else "processors"
        count = len(asked.cells)
        yield (
            f"{count} NUMA cell{'' if count == 1 else 's'} with enough {what} and memory",
            lambda host: fit(asked, host_cells(host), scene.cells_taken(host)) is not None,
        )
