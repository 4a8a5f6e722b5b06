"""The NUMA cells that a flavor and an image ask for.

An image may say what its flavor leaves open. What the two say must agree: an image does not get
what the flavor, for which its owner pays, denies it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import BadRequest
from ...host.processors import parse
from ..demand import dedicated, realtime

_MOST_CELLS = 16
_PAGE = re.compile(r"([0-9]{1,12})([kKMGT]?)i?(b|bit|B)?")
_KIB = {"k": 1, "K": 1, "": 1, "M": 1 << 10, "G": 1 << 20, "T": 1 << 30}


@dataclass(frozen=True)
class Wanted:
    """A guest's cells, each (its processors, MB), and what it asks of their places."""

    cells: tuple[tuple[tuple[int, ...], int], ...]
    dedicated: frozenset[int]  # the guest's processors that have one of the host's to themselves
    threads: str  # "prefer", "isolate" or "require"
    page: str | int  # "": the usual; "small", "large", "any", or KiB


def wanted(flavor: Mapping[str, Any], image: Mapping[str, str]) -> Wanted | None:
    """What this guest asks for; None for one that may be anywhere on its host.

    Raises BadRequest for what contradicts itself.
    """
    specs: Mapping[str, str] = flavor.get("extra_specs", {})
    policy, own = specs.get("hw:cpu_policy"), image.get("hw_cpu_policy")
    if policy not in (None, "shared", "dedicated", "mixed"):
        raise _wrong(f"hw:cpu_policy is {policy[:40]!r} and must be shared, dedicated or mixed")
    if policy in ("shared", "mixed") and own in ("dedicated", "mixed") and own != policy:
        raise _wrong(f"the image asks for {own} processors, and the flavor's are {policy}")
    pinned = dedicated(flavor, image)
    realtime(flavor, image)
    threads = _agreed(specs, image, "cpu_thread_policy")
    if threads and not pinned:
        raise _wrong("a policy for threads (hw:cpu_thread_policy) is one for dedicated processors")
    if threads not in ("", "prefer", "isolate", "require"):
        raise _wrong(f"hw:cpu_thread_policy is {threads[:40]!r}: prefer, isolate or require")
    page = _page(specs, image)
    nodes = _agreed(specs, image, "numa_nodes")
    if not (nodes or pinned or page):
        if any(re.match(r"hw[:_]numa_(cpus|mem)\.", key) for key in (*specs, *image)):
            raise _wrong("hw:numa_cpus and hw:numa_mem are for cells: hw:numa_nodes says how many")
        return None
    count = _number("hw:numa_nodes", nodes or "1")
    if count > _MOST_CELLS:
        raise _wrong(f"a guest has at most {_MOST_CELLS} NUMA cells, not {count}")
    return Wanted(_cells(flavor, image, count), pinned, threads or "prefer", page)


def _wrong(why: str) -> BadRequest:
    return BadRequest(f"The flavor and the image do not go together: {why}.")


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise _wrong(f"{name} is {text[:40]!r} and must be a whole number from 1 on")
    return int(text)


def _agreed(specs: Mapping[str, str], image: Mapping[str, str], name: str) -> str:
    """The flavor's hw:NAME or the image's hw_NAME; "" where neither says anything."""
    ours, theirs = specs.get(f"hw:{name}"), image.get(f"hw_{name}")
    if ours is not None and theirs is not None and ours != theirs:
        raise _wrong(f"the flavor's hw:{name} is {ours[:40]!r}, and the image's {theirs[:40]!r}")
    return ours or theirs or ""


def _page(specs: Mapping[str, str], image: Mapping[str, str]) -> str | int:
    ours, theirs = specs.get("hw:mem_page_size", ""), image.get("hw_mem_page_size", "")
    if theirs and ours not in ("large", "any", theirs):
        raise _wrong(
            f"the image asks for pages of {theirs[:40]!r}, which its flavor must allow by"
            " hw:mem_page_size large or any"
        )
    text = theirs or ours
    if text in ("", "small", "large", "any"):
        return text
    found = _PAGE.fullmatch(text)
    if found is None or not int(found[1]):
        raise _wrong(f"hw:mem_page_size is {text[:40]!r}: small, large, any, or a size such as 2MB")
    kib = int(found[1]) * _KIB[found[2]]
    return kib // 8 if found[3] == "bit" else kib


def _cells(
    flavor: Mapping[str, Any], image: Mapping[str, str], count: int
) -> tuple[tuple[tuple[int, ...], int], ...]:
    vcpus, memory = int(flavor["vcpus"]), int(flavor["ram"])
    specs: Mapping[str, str] = flavor.get("extra_specs", {})
    given = [
        (_agreed(specs, image, f"numa_cpus.{i}"), _agreed(specs, image, f"numa_mem.{i}"))
        for i in range(count)
    ]
    if not any(text for pair in given for text in pair):
        if vcpus % count or memory % count:
            raise _wrong(
                f"{vcpus} processors and {memory} MB cannot be shared out evenly among {count}"
                " cells: say hw:numa_cpus.N and hw:numa_mem.N of each"
            )
        each = vcpus // count
        return tuple(
            (tuple(range(i * each, (i + 1) * each)), memory // count) for i in range(count)
        )
    if not all(text for pair in given for text in pair):
        raise _wrong("hw:numa_cpus.N and hw:numa_mem.N are said of each cell, or of none")
    try:
        cells = tuple(
            (tuple(sorted(parse(own))), _number(f"hw:numa_mem.{i}", mb))
            for i, (own, mb) in enumerate(given)
        )
    except ValueError as wrong:
        raise _wrong(str(wrong)) from None
    if sorted(cpu for own, _ in cells for cpu in own) != list(range(vcpus)):
        raise _wrong(f"each of the processors 0 to {vcpus - 1} must be in one of the cells")
    if not all(own for own, _ in cells) or sum(mb for _, mb in cells) != memory:
        raise _wrong(f"every cell has a processor, and the cells' memory adds up to {memory} MB")
    return cells
