"""A host that says nothing: its agent does nothing, for longer than anybody waits for it."""

from collections.abc import Callable

from pileus import compute
from pileus.core.flow import PATIENCE, FlowRow

from .crash import World

_STEP = 20.0
_LONG = int(PATIENCE.total_seconds() / _STEP) + 3


def pass_time(world: World, heard: bool = False, act: Callable[[], object] = lambda: None) -> None:
    """Let more time pass than a step waits, while flows and networks go on and no agent does.

    heard: the host's process lives; only what it was asked for does not happen. act: the turn of
    another host's agent.
    """
    for _ in range(_LONG):
        if heard:
            compute.host_report(world.app.parts)
        world.app.engine.settle()
        act()
        for loop in world.app.loops:
            if loop.name.startswith("network"):
                loop.work()
        world.clock.advance(_STEP)
    world.app.engine.settle()


def flows(world: World) -> list[str]:
    """The kinds of the flows that are under way."""
    return world.app.db.read(lambda tx: [row.kind for row in tx.all(FlowRow)])
