"""What must be true of every database, whatever stands in it."""

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

import sqlalchemy as sa

from .audit import Invariant, Violation
from .db import Tx
from .flow import FlowRow
from .parts import Parts
from .resource import schema

_LATE = timedelta(minutes=5)
_FAR = timedelta(minutes=30)
_TRIES = 20


def _references(_parts: Parts, tx: Tx) -> Iterable[str]:
    """One query a foreign key; databases enforce them, unless somebody told them not to."""
    for table, other, query in _lost(len(schema.tables)):
        for row in tx.execute(query):
            yield f"table {table} refers to {other} {', '.join(map(str, row))}, gone"


@lru_cache
def _lost(_tables: int) -> list[tuple[str, str, "sa.Select[Any]"]]:
    """(table, table that it refers to, query of references that lead nowhere), built once."""
    found = []
    for table in schema.sorted_tables:
        for key in table.foreign_key_constraints:
            own = list(key.columns)
            there = key.referred_table.alias()
            same = [c == there.c[e.column.name] for c, e in zip(own, key.elements, strict=True)]
            leads = [column.is_not(None) for column in own]
            query = sa.select(*own).where(*leads, ~sa.exists().where(*same)).distinct().limit(100)
            found.append((table.name, key.referred_table.name, query))
    return found


def _sound(_parts: Parts, tx: Tx) -> Iterable[str]:
    """SQLite only: other databases have checksums of their own."""
    if tx.conn.dialect.name != "sqlite":
        return
    try:
        lines = [line for (line,) in tx.conn.exec_driver_sql("PRAGMA quick_check(20)")]
    except sa.exc.DatabaseError as wrong:
        if "malformed" not in str(wrong.orig):
            raise
        lines = [str(wrong.orig)]  # too far gone to be checked
    for line in lines:
        if line != "ok":
            yield f"the database file is damaged: {line}; restore a backup"


def _carried(_parts: Parts, tx: Tx) -> Iterable[str | Violation]:
    late = tx.now - _LATE
    free = FlowRow.lease_until.is_(None) | (FlowRow.lease_until < late)
    for row in tx.all(FlowRow, FlowRow.wake_at < late, free):
        due = f"was due at {row.wake_at:%Y-%m-%d %H:%M:%S} and nobody carries it on"
        yield Violation(f"{_name(row)} {due}", "it is offered to the workers", partial(_wake, row))
    for row in tx.all(FlowRow, FlowRow.tries >= _TRIES):
        why = (row.fault or {}).get("message", "see the log")
        yield f"{_name(row)} fails again and again at {row.step}: {why}"


def _ahead(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    far = tx.now + _FAR
    for row in tx.all(FlowRow, (FlowRow.wake_at > far) | (FlowRow.lease_until > far)):
        why = "is asleep or leased for more than half an hour: was the clock set back?"
        yield Violation(f"{_name(row)} {why}", "it is woken now", partial(_wake, row))


def _name(row: FlowRow) -> str:
    return f"flow {row.kind} of {row.subject}"


def _wake(row: FlowRow, tx: Tx) -> None:
    """Offer the flow to the workers, unless somebody has written it since it was read."""
    mine = (FlowRow.id == row.id, FlowRow.term == row.term)
    if tx.set(FlowRow, *mine, wake_at=tx.now, lease_until=None, term=row.term + 1):
        tx.signal("flow", row.subject)


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("I9", "Every flow that is due is carried on by somebody.", _carried),
    Invariant("I9", "No flow sleeps longer than any flow ever does.", _ahead),
    Invariant("I14", "Every reference in the database leads to a row.", _references),
    Invariant("I14", "The database file is whole.", _sound),
)
