"""Allocation candidates as JSON text, made of pieces that are alike for thousands of them.

Candidates in which the same slots fall together differ in the providers' ids alone, and an id has
one width: so their texts are the lines of a table, copied from one and the ids written into it.
The summaries of a tree are kept with the columns until one of its providers changes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ..core.types import Version
from .search import Slot

if TYPE_CHECKING:
    from .columns import Array, Columns

_encode = msgspec.json.encode
# A piece of a candidate's text: what it says, or the slot whose provider's id stands there.
Piece = bytes | int


def render(
    columns: "Columns", slots: Sequence[Slot], rows: "Array", version: Version, nested: bool
) -> bytes:
    """The body of the answer; rows: of `search`."""
    requests = b"".join(
        _texts(columns, _pieces(slots, alike, version), found) for alike, found in _alike(rows)
    )
    giving = [at for at, slot in enumerate(slots) if slot.resources]
    summaries = b",".join(_summaries(columns, slots, rows[giving], version, nested))
    return b'{"allocation_requests":[%b],"provider_summaries":{%b}}' % (requests[:-1], summaries)


def _alike(rows: "Array") -> "Iterator[tuple[list[int], Array]]":
    """The rows by which slots fall together: for each slot the first that has its provider."""
    import numpy as np

    count = len(rows)
    first = np.repeat(np.arange(count, dtype=np.int16)[:, None], rows.shape[1], axis=1)
    for at in range(count - 1, 0, -1):
        for before in range(at - 1, -1, -1):
            first[at][rows[before] == rows[at]] = before
    if not rows.shape[1]:
        return
    lines = np.ascontiguousarray(first.T)
    if (lines == lines[0]).all():
        yield lines[0].tolist(), rows
        return
    kinds = lines.view(np.dtype((np.void, lines.itemsize * count)))[:, 0]
    _, places, kind = np.unique(kinds, return_index=True, return_inverse=True)
    for number, place in enumerate(places):
        yield lines[place].tolist(), rows[:, kind == number]


def _pieces(slots: Sequence[Slot], alike: Sequence[int], version: Version) -> list[Piece]:
    """The text of such candidates, a comma at the end."""
    shares: dict[int, dict[str, int]] = {}
    mappings: dict[str, list[int]] = {}
    for slot, first in zip(slots, alike, strict=True):
        for name, amount in slot.resources.items():
            mine = shares.setdefault(first, {})
            mine[name] = mine.get(name, 0) + amount
        mapped = mappings.setdefault(slot.suffix, [])
        if first not in mapped:
            mapped.append(first)
    if version < (1, 12):
        found = _listed(
            [b'{"resource_provider":{"uuid":', at, b'},"resources":%b}' % _encode(mine)]
            for at, mine in shares.items()
        )
        return [b'{"allocations":[', *found, b"]},"]
    found = _listed([at, b':{"resources":%b}' % _encode(mine)] for at, mine in shares.items())
    if version < (1, 34):
        return [b'{"allocations":{', *found, b"}},"]
    groups = _listed(
        [b"%b:[" % _encode(suffix), *_listed([at] for at in mapped), b"]"]
        for suffix, mapped in mappings.items()
    )
    return [b'{"allocations":{', *found, b'},"mappings":{', *groups, b"}},"]


def _listed(items: Iterable[Sequence[Piece]]) -> list[Piece]:
    found: list[Piece] = []
    for item in items:
        found += [b",", *item] if found else item
    return found


def _texts(columns: "Columns", pieces: Sequence[Piece], rows: "Array") -> bytes:
    import numpy as np

    width = columns.keys.shape[1]
    line = b"".join(one if isinstance(one, bytes) else b" " * width for one in pieces)
    table = np.tile(np.frombuffer(line, dtype=np.uint8), (rows.shape[1], 1))
    begin = 0
    for one in pieces:
        if isinstance(one, bytes):
            begin += len(one)
        else:
            table[:, begin : begin + width] = columns.keys[rows[one]]
            begin += width
    return table.tobytes()


def _summaries(
    columns: "Columns", slots: Sequence[Slot], rows: "Array", version: Version, nested: bool
) -> Iterator[bytes]:
    """The text of each provider to summarise: whole trees, or only those that are used."""
    import numpy as np

    used = np.unique(rows)
    if not nested:
        requested = {name for slot in slots for name in slot.resources}
        names = None if version >= (1, 27) else requested
        yield from _providers(columns, used.tolist(), version, names)
        return
    trees = np.unique(columns.tree[used]).tolist()
    kept = columns.summaries
    for tree in trees:
        if tree not in kept:
            members = range(tree, int(columns.last[tree]) + 1)
            kept[tree] = b",".join(_providers(columns, members, version, None))
        yield kept[tree]


def _providers(
    columns: "Columns", positions: Sequence[int], version: Version, names: set[str] | None
) -> Iterator[bytes]:
    """names: the resource classes that are shown, where it is not all."""
    stock = _stock(columns, positions, names)
    for at in positions:
        text = b'%b:{"resources":{%b}' % (_id(columns, at), b",".join(stock.get(at, ())))
        if version >= (1, 17):
            traits = columns.traits.values[columns.traits.of[at]]
            text += b',"traits":%b' % _encode(sorted(traits))
        if version >= (1, 29):
            above = int(columns.parent[at])
            text += b',"parent_provider_uuid":%b,"root_provider_uuid":%b' % (
                b"null" if above < 0 else _id(columns, above),
                _id(columns, int(columns.tree[at])),
            )
        yield text + b"}"


def _id(columns: "Columns", at: int) -> bytes:
    return bytes(columns.keys[at])


def _stock(
    columns: "Columns", positions: Sequence[int], names: set[str] | None
) -> Mapping[int, list[bytes]]:
    """The inventories of these providers, as text; positions: ascending."""
    import numpy as np

    from .columns import CAPACITY, USED

    found: dict[int, list[bytes]] = {}
    asked = np.array(positions, dtype=np.int32)
    for name in sorted(columns.stock if names is None else names & columns.stock.keys()):
        stock = columns.stock[name]
        there, rows = stock.rows(asked)
        table = stock.table[:, rows]
        at = asked[there].tolist()
        for one, capacity, used in zip(at, table[CAPACITY], table[USED], strict=True):
            text = b'"%b":{"capacity":%d,"used":%d}' % (name.encode(), int(capacity), int(used))
            found.setdefault(one, []).append(text)
    return found
