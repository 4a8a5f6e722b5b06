"""Fitting a guest's cells to a host's: each on a cell of its own that has room for it."""

from collections.abc import Iterable, Sequence

from ..driver import GuestCell, HostCell
from .wanted import Wanted

_SMALL = 4  # KiB of a usual page


def fit(
    wanted: Wanted, cells: Sequence[HostCell], taken: Iterable[GuestCell]
) -> tuple[GuestCell, ...] | None:
    """The guest's cells on the host's; None where they have no room.

    taken: what other guests have of the host. A guest's cell finds all its memory and processors in
    one of the host's cells, and memory there is never promised twice.
    """
    others: dict[int, list[GuestCell]] = {cell.id: [] for cell in cells}
    for one in taken:
        if one.host in others:
            others[one.host].append(one)
    # For each of the guest's cells the host's cells that would do: no choice changes another.
    options = [
        [
            placed
            for cell in cells
            if (placed := _on(wanted, own, memory_mb, cell, others[cell.id])) is not None
        ]
        for own, memory_mb in wanted.cells
    ]
    return _chosen(options, frozenset())


def times(wanted: Wanted, cells: Sequence[HostCell], taken: Iterable[GuestCell], most: int) -> int:
    """How many such guests the host's cells have room for, one beside another; `most` is enough."""
    others = list(taken)
    for count in range(most):
        placed = fit(wanted, cells, others)
        if placed is None:
            return count
        others += placed
    return most


def _chosen(
    options: Sequence[Sequence[GuestCell]], used: frozenset[int]
) -> tuple[GuestCell, ...] | None:
    """One of each, no two on one cell of the host."""
    if not options:
        return ()
    for placed in options[0]:
        if placed.host not in used:
            rest = _chosen(options[1:], used | {placed.host})
            if rest is not None:
                return (placed, *rest)
    return None


def _on(
    wanted: Wanted,
    own: tuple[int, ...],
    memory_mb: int,
    cell: HostCell,
    others: Sequence[GuestCell],
) -> GuestCell | None:
    page = _page(wanted.page, memory_mb, cell, others)
    if page is None:
        return None
    pinned = [cpu for cpu in own if cpu in wanted.dedicated]
    shared: tuple[int, ...] = ()
    if len(pinned) < len(own):
        shared = tuple(sorted(set(cell.cpus) - set(cell.dedicated)))
        if len(shared) < len(own) - len(pinned):
            return None
    found = _processors(wanted.threads, len(pinned), cell, others)
    if found is None:
        return None
    pins = tuple(zip(pinned, found, strict=True))
    return GuestCell(own, memory_mb, cell.id, page, pins=pins, shared=shared)


def _processors(
    threads: str, count: int, cell: HostCell, others: Sequence[GuestCell]
) -> list[int] | None:
    """So many of the cell's free dedicated processors, full cores first."""
    gone = {pin for other in others for _, pin in other.pins}
    cores = list(cell.siblings) + [
        (cpu,) for cpu in cell.cpus if not any(cpu in core for core in cell.siblings)
    ]
    free = [[cpu for cpu in core if cpu in cell.dedicated and cpu not in gone] for core in cores]
    if threads == "isolate":
        # Nobody else runs in a core that has one thread.
        free = [own for core, own in zip(cores, free, strict=True) if len(core) == 1]
    elif threads == "require":
        free = [own for own in free if len(own) > 1]
    found = [cpu for own in sorted(free, key=len, reverse=True) for cpu in own]
    return found[:count] if len(found) >= count else None


def _page(
    asked: str | int, memory_mb: int, cell: HostCell, others: Sequence[GuestCell]
) -> int | None:
    """The size of the pages that the memory is made of (0: the usual); None without room."""
    sizes = sorted((int(size) for size in cell.pages if int(size) > _SMALL), reverse=True)
    large = [
        size
        for size in sizes
        if (memory_mb << 10) % size == 0
        and _pages(memory_mb, size)
        + sum(_pages(one.memory_mb, size) for one in others if one.page_kib == size)
        <= cell.pages[str(size)]
    ]
    if isinstance(asked, int) and asked > _SMALL:
        return asked if asked in large else None
    if asked in ("large", "any") and large:
        return large[0]
    if asked == "large":
        return None
    reserved = sum(cell.pages[str(size)] * size for size in sizes) >> 10
    used = sum(one.memory_mb for one in others if one.page_kib not in sizes)
    if isinstance(asked, int) and asked != _SMALL:
        return None
    return 0 if used + memory_mb <= cell.memory_mb - reserved else None


def _pages(memory_mb: int, size: int) -> int:
    return (memory_mb << 10) // size
