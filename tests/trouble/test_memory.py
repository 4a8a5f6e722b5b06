"""What a process has let go of is not kept: a cloud may be reset thousands of times."""

import gc
import weakref
from pathlib import Path

from ..flows.crash import World


def test_nothing_of_a_control_plane_that_was_replaced_stays_in_memory(tmp_path: Path) -> None:
    world = World(tmp_path / "state")
    first = weakref.ref(world.app)
    database = weakref.ref(world.app.db)

    world.die()
    gc.collect()

    assert first() is None
    assert database() is None
