"""Sets of processors, written as 0-3,^2,8."""

import re
from collections.abc import Iterable

_PART = re.compile(r"(\^?)([0-9]{1,5})(?:-([0-9]{1,5}))?")


def parse(text: str) -> frozenset[int]:
    """The numbers that the text names. Raises ValueError."""
    found, without = set[int](), set[int]()
    for part in text.split(","):
        named = _PART.fullmatch(part.strip())
        if named is None:
            raise ValueError(f"{text[:80]!r} is no list of processors such as 0-3,^2,8")
        first = int(named[2])
        last = first if named[3] is None else int(named[3])
        if last < first:
            raise ValueError(f"{part.strip()!r} ends before it begins")
        (without if named[1] else found).update(range(first, last + 1))
    return frozenset(found - without)


def written(cpus: Iterable[int]) -> str:
    """The same as text, runs put together."""
    parts: list[str] = []
    run: list[int] = []
    for cpu in [*sorted(cpus), -1]:
        if run and cpu != run[-1] + 1:
            parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
            run = []
        run.append(cpu)
    return ",".join(parts)
