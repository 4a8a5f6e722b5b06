"""Which providers have changed, in the order in which transactions came about.

Triggers write it, so nothing that changes a provider can forget to, not even a process of an older
version on the same database. A number is of one transaction: on SQLite it grows with each change,
as there is one writer; on PostgreSQL it is the transaction's id, and a snapshot says which it does
not show yet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import msgspec
import sqlalchemy as sa

from ..core.db import Database, Tx
from ..core.loop import Loop
from ..core.resource import Resource, attr
from ..core.types import Int, Uuid
from .rows import Provider, ProviderAggregate, ProviderTrait

# An index that is further behind reads everything anew.
_KEPT = 100_000
_PERIOD = 600.0


class Change(Resource):
    """A provider was changed, made or removed by the transaction of this number."""

    one, many = "placement_change", "placement_changes"

    number = attr(Int(), key=True)
    provider_id = attr(Uuid(), key=True)


_WATCHED = (
    (Provider.table, "id", ("INSERT", "UPDATE", "DELETE")),
    (ProviderTrait.table, "provider_id", ("INSERT", "DELETE")),
    (ProviderAggregate.table, "provider_id", ("INSERT", "DELETE")),
)


def triggers(dialect: str) -> Iterator[str]:
    """The statements that make the triggers. Inventories need none: their provider steps too."""
    for table, column, events in _WATCHED:
        yield from (_sqlite if dialect == "sqlite" else _postgresql)(table.name, column, events)


def _sqlite(table: str, column: str, events: tuple[str, ...]) -> Iterator[str]:
    for event in events:
        row = "OLD" if event == "DELETE" else "NEW"
        yield (
            f"CREATE TRIGGER {table}_{event.lower()} AFTER {event} ON {table} BEGIN"  # noqa: S608
            " INSERT INTO placement_changes (number, provider_id)"
            f" SELECT coalesce(max(number), 0) + 1, {row}.{column} FROM placement_changes; END"
        )


def _postgresql(table: str, column: str, events: tuple[str, ...]) -> Iterator[str]:
    yield (
        f"CREATE FUNCTION {table}_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"  # noqa: S608
        " INSERT INTO placement_changes (number, provider_id)"
        " VALUES (CAST(CAST(pg_current_xact_id() AS text) AS bigint),"
        f" coalesce(NEW.{column}, OLD.{column})) ON CONFLICT DO NOTHING; RETURN NULL; END $$"
    )
    yield (
        f"CREATE TRIGGER {table}_changed AFTER {' OR '.join(events)} ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_changed()"
    )


def _attach(
    _schema: object, connection: sa.Connection, tables: Iterable[sa.Table] = (), **_options: object
) -> None:
    # Where tables are made of their declarations alone, without migrations.
    if Change.table in tables:
        for statement in triggers(connection.dialect.name):
            connection.exec_driver_sql(statement)


sa.event.listen(Change.table.metadata, "after_create", _attach)


@dataclass(frozen=True)
class Look:
    """What one transaction sees of the changes.

    place: of two looks, the one whose transaction sees more has the greater.
    end, under_way: it sees all numbers below `end` but for these, whose transactions were open.
    floor: below it changes are forgotten. changed: what came about since the look before.
    """

    place: tuple[int, ...]
    end: int
    under_way: frozenset[int]
    floor: int
    changed: frozenset[str]

    def whole(self, before: "Look") -> bool:
        """Whether nothing is forgotten that came about since the look before."""
        ended = before.under_way - self.under_way
        return self.floor <= before.end and all(number >= self.floor for number in ended)


NOTHING = Look((), 0, frozenset(), 0, frozenset())


def look(tx: Tx, before: Look) -> Look:
    """What has come about since the look before; one query."""
    if tx.conn.dialect.name == "sqlite":
        newest, floor, ids = tx.execute(_numbers(), {"end": before.end}).one()
        changed = frozenset(msgspec.json.decode(ids))
        return Look((newest,), newest + 1, frozenset(), floor, changed)
    under_way = ",".join(map(str, before.under_way))
    values = {"end": before.end, "under_way": f"{{{under_way}}}"}
    snapshot, floor, ids = tx.execute(_snapshot(), values).one()
    oldest, end, under_way = snapshot.split(":")
    still = frozenset(map(int, under_way.split(","))) if under_way else frozenset[int]()
    place = (int(end), int(oldest), -len(still))
    return Look(place, int(end), still, floor, frozenset(ids or ()))


@cache
def _numbers() -> sa.TextClause:
    return sa.text(
        "SELECT (SELECT coalesce(max(number), 0) FROM placement_changes),"
        " (SELECT coalesce(min(number), 0) FROM placement_changes),"
        " (SELECT json_group_array(DISTINCT provider_id) FROM placement_changes"
        " WHERE number >= :end)"
    )


@cache
def _snapshot() -> sa.TextClause:
    return sa.text(
        "SELECT CAST(pg_current_snapshot() AS text),"  # noqa: S608
        " (SELECT coalesce(min(number), 0) FROM placement_changes),"
        " (SELECT array_agg(DISTINCT provider_id) FROM placement_changes"
        # With two ends the planner expects few, and uses the key, before it has any statistics.
        f" WHERE number BETWEEN :end AND {2**63 - 1}"
        " OR number = ANY (CAST(:under_way AS bigint[])))"
    )


def forget(tx: Tx) -> None:
    """Drop all but the newest changes. The oldest that stays says what has been dropped."""
    c = Change.table.c
    if tx.conn.dialect.name != "sqlite":
        # What is numbered higher was brought here from another server.
        own = sa.cast(sa.cast(sa.func.pg_current_xact_id(), sa.String()), sa.BigInteger())
        tx.remove_where(Change, c.number > own)
    query = sa.select(c.number).order_by(c.number.desc()).offset(_KEPT).limit(1)
    oldest = tx.execute(query).scalar()
    if oldest is not None:
        tx.remove_where(Change, c.number < oldest)


def loop(db: Database) -> Loop:
    """Forgets old changes, in one process of those on the database."""
    return Loop("placement changes", _PERIOD, lambda: db.run(forget, promise=False), db, db.owner)
