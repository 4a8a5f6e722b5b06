"""What the data plane has yet to be told: one row for each switch, port, router and group.

Whoever changes a row that matters to the data plane marks its key in the same transaction. The loop
translates what is marked and notes the revision that it applied.
"""

from collections.abc import Iterable
from functools import cache

import sqlalchemy as sa

from ..core.db import Tx, chunks
from ..core.resource import Resource, attr
from ..core.types import Int, Text
from .driver import Key, Kind

TOPIC = "topology"
# The order in which a batch is told: what others refer to comes first.
RANKS: dict[Kind, int] = {"switch": 0, "security_group": 1, "port": 2, "router": 3}


class TopologyChange(Resource):
    """The newest revision of one thing of the data plane, and the newest that was applied."""

    one, many = "topology_change", "topology_changes"
    constraints = (sa.Index("ix_topology_change_dirty", "dirty", "rank"),)

    kind = attr(Text(16), key=True)
    id = attr(Text(64), key=True)
    rank = attr(Int())
    dirty = attr(Int(), default=1)
    revision = attr(Int(), default=1)
    done_revision = attr(Int(), default=0)


def mark(tx: Tx, kind: Kind, key: str) -> None:
    """This thing has changed, appeared or gone."""
    if kind != "port":
        tx.line(kind, key)
    if not tx.update(_marking(), {"own_kind": kind, "own_id": key}):
        tx.add(TopologyChange(kind=kind, id=key, rank=RANKS[kind]))
    tx.signal(TOPIC)


@cache
def _marking() -> sa.Update:
    table = TopologyChange.table
    own = (table.c.kind == sa.bindparam("own_kind"), table.c.id == sa.bindparam("own_id"))
    return sa.update(table).where(*own).values(revision=table.c.revision + 1, dirty=1)


def mark_all(tx: Tx, kind: Kind, keys: Iterable[str]) -> None:
    """These things have changed."""
    for key in sorted(set(keys)):
        mark(tx, kind, key)


def look(tx: Tx) -> None:
    """Nothing is to be told, but what the data plane says may matter now."""
    tx.signal(TOPIC)


def dirty(tx: Tx, limit: int) -> list[TopologyChange]:
    """What is marked and not yet applied, in the order to apply it."""
    order = [TopologyChange.rank, TopologyChange.id]
    return tx.all(TopologyChange, dirty=1, order=order, limit=limit)


def done(tx: Tx, told: Iterable[tuple[Key, int, bool]]) -> None:
    """Note what was applied: key, revision, and whether the thing still exists."""
    for (kind, key), revision, exists in told:
        if exists:
            own = {"own_kind": kind, "own_id": key, "own_revision": revision}
            tx.update(_doing(), own)
        else:
            tx.remove_where(TopologyChange, kind=kind, id=key, revision=revision)


@cache
def _doing() -> sa.Update:
    c = TopologyChange.table.c
    own = ("kind", "id", "revision")
    query = sa.update(TopologyChange.table).where(*(c[n] == sa.bindparam(f"own_{n}") for n in own))
    return query.values(done_revision=c.revision, dirty=0)


def known(tx: Tx) -> dict[Key, int]:
    """The newest revision of everything that should stand."""
    table = TopologyChange.table.c
    rows = tx.execute(sa.select(table.kind, table.id, table.revision))
    return {(kind, key): revision for kind, key, revision in rows}


def again(tx: Tx, keys: Iterable[Key]) -> None:
    """Apply these again though nothing about them has changed."""
    for batch in chunks(keys):
        for kind, key in batch:
            mark(tx, kind, key)


def pending(tx: Tx) -> bool:
    """Whether any change is not yet applied."""
    return tx.exists(TopologyChange, dirty=1)
