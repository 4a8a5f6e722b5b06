"""Which providers have changed, in the order in which transactions came about.

Triggers write it, so nothing that changes a provider can forget to, not even a process of an older
version on the same database. A number is of one transaction: on SQLite it grows with each change,
as there is one writer; on PostgreSQL it is the transaction's id, and what a snapshot shows of them
says exactly what has come about since another one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from ..core.db import Database, Tx
from ..core.loop import Loop
from ..core.resource import Resource, attr
from ..core.types import Int, Uuid
from .rows import Provider, ProviderAggregate, ProviderTrait

# More changes than this before a look, and everything is read anew. It is far more than can come
# about during one transaction, so none is written below what has been dropped.
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
    mark, seen: what the next look asks from. floor: below this number, changes are forgotten.
    """

    place: tuple[int, ...]
    mark: int
    seen: str
    floor: int
    changed: frozenset[str]


NOTHING = Look((), 0, "1:1:", 0, frozenset())


def look(tx: Tx, before: Look) -> Look:
    """What has come about since the look before; one query."""
    sqlite = tx.conn.dialect.name == "sqlite"
    values: dict[str, Any] = {"mark": before.mark}
    if sqlite:
        newest, floor, ids = tx.execute(_numbers(), values).one()
        changed = frozenset(msgspec.json.decode(ids))
        return Look((newest,), newest + 1, "", floor, changed)
    seen, floor, ids = tx.execute(_snapshot(), values | {"seen": before.seen}).one()
    oldest, next_one, under_way = seen.split(":")
    place = (int(next_one), int(oldest), -len(under_way.split(",")) if under_way else 0)
    return Look(place, int(oldest), seen, floor, frozenset(ids or ()))


@cache
def _numbers() -> sa.TextClause:
    return sa.text(
        "SELECT (SELECT coalesce(max(number), 0) FROM placement_changes),"
        " (SELECT coalesce(min(number), 0) FROM placement_changes),"
        " (SELECT json_group_array(DISTINCT provider_id) FROM placement_changes"
        " WHERE number >= :mark)"
    )


@cache
def _snapshot() -> sa.TextClause:
    return sa.text(
        "SELECT CAST(pg_current_snapshot() AS text),"  # noqa: S608
        " (SELECT coalesce(min(number), 0) FROM placement_changes),"
        " (SELECT array_agg(DISTINCT provider_id) FROM placement_changes"
        # With two ends the planner expects few, and uses the key, before it has any statistics.
        f" WHERE number BETWEEN :mark AND {2**63 - 1} AND NOT pg_visible_in_snapshot("
        "CAST(CAST(number AS text) AS xid8), CAST(:seen AS pg_snapshot)))"
    )


def forget(tx: Tx) -> None:
    """Drop all but the newest changes. The oldest that stays says what has been dropped."""
    c = Change.table.c
    query = sa.select(c.number).order_by(c.number.desc()).offset(_KEPT).limit(1)
    oldest = tx.execute(query).scalar()
    if oldest is not None:
        tx.remove_where(Change, c.number < oldest)


def loop(db: Database) -> Loop:
    """Forgets old changes, in one process of those on the database."""
    return Loop("placement changes", _PERIOD, lambda: db.run(forget, promise=False), db, db.owner)
