"""The NUMA cells that a simulated host pretends to have."""

from pileus.compute.driver import HostCell
from pileus.host.processors import parse

_CELLS = 2


def even_cells(vcpus: int, memory_mb: int, dedicated_cpus: str = "") -> tuple[HostCell, ...]:
    """Two cells, each with half of the host; a host of one processor has one.

    dedicated_cpus: the processors that guests may have to themselves, as 2-7.
    """
    count = min(_CELLS, vcpus)
    each, dedicated = vcpus // count, parse(dedicated_cpus) if dedicated_cpus else frozenset()
    return tuple(
        HostCell(
            id=number,
            cpus=(cpus := tuple(range(number * each, (number + 1) * each))),
            memory_mb=memory_mb // count,
            dedicated=tuple(cpu for cpu in cpus if cpu in dedicated),
        )
        for number in range(count)
    )
