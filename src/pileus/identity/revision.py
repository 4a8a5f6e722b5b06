"""What makes a cached token stale, at once and in every process.

One row holds a counter. Whatever may change the meaning of a token that is already out (a grant, a
user switched off, a revoked token, a new endpoint) adds one to it in its own transaction. Whoever
has worked out what a token means remembers the counter that stood in the same transaction, and
before every use compares it with the row: a read of one row by its key, some ten microseconds on
SQLite. So a revocation holds from its commit on, however many processes there are, with nothing to
tell them and no time to wait.

A revocation names its subject (a token's audit id, a user, a project, a domain, an application
credential) and the counter that it made. A token carries the counter of its issue; it is revoked
when a subject of its own was revoked later. No clock is involved, so clocks may differ.
"""

import contextlib
import logging
import threading
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from ..core.db import Database, Tx
from ..core.resource import Resource, attr
from ..core.types import Int, Text, When

_ROW = 1
KNOWN = "identity revision"
KEPT_LONGER = timedelta(hours=1)  # a revocation than a token
log = logging.getLogger(__name__)


class Revision(Resource):
    """The counter. There is one row."""

    one, many, table_name = "revision", "revisions", "identity_revisions"

    id = attr(Int(), key=True)
    value = attr(Int(), default=0)


class Revocation(Resource):
    """Tokens about `subject` whose revision is not above `revision` are revoked."""

    one, many, table_name = "revocation", "revocations", "identity_revocations"

    subject = attr(Text(80), key=True)
    revision = attr(Int())
    until = attr(When(), index=True)  # no token that it revokes can live longer


_VALUE = sa.select(Revision.value).where(Revision.id == _ROW)


def current(tx: Tx) -> int:
    """The counter, as this transaction sees it."""
    known = tx.known.get(KNOWN)
    if known is None:
        value = tx.execute(_VALUE).scalar()
        known = tx.known[KNOWN] = 0 if value is None else int(value)
    return int(known)


def bump(tx: Tx) -> int:
    """Make every cached token stale once this transaction stands; the new counter."""
    tx.line("identity")
    tx.known.pop(KNOWN, None)
    if not tx.set(Revision, Revision.id == _ROW, value=Revision.value + 1):
        # A wiped database must not come back to a value that a process still remembers.
        tx.add(Revision(id=_ROW, value=int(tx.now.timestamp() * 1e6)))
    return current(tx)


def bumped(tx: Tx) -> bool:
    """Whether this transaction has: what it sees must not be remembered, for it may yet fail."""
    return "identity" in tx.lines


def revoke(tx: Tx, hours: float, *subjects: str) -> None:
    """Revoke every token about these subjects ("user:ID", "audit:ID", …) that is out by now.

    hours: how long a token lives; afterwards the revocation is not needed any more.
    """
    revision = bump(tx)
    until = tx.now + timedelta(hours=hours) + KEPT_LONGER
    for subject in subjects:
        if not tx.set(Revocation, Revocation.subject == subject, revision=revision, until=until):
            tx.add(Revocation(subject=subject, revision=revision, until=until))


def prune(tx: Tx) -> int:
    """Remove the revocations that no living token can need; how many."""
    return tx.remove_where(Revocation, Revocation.until < tx.now)


class Reader:
    """Reads the counter as cheaply as the database allows.

    One connection is kept for it: a read costs about ten microseconds on SQLite, a pooled one ten
    times that, and a transaction of PostgreSQL's three messages instead of one.
    """

    _SQL = "SELECT value FROM identity_revisions WHERE id = 1"

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._kept: sa.PoolProxiedConnection | None = None

    def now(self) -> int:
        """The counter as it is committed now; 0 before the first start."""
        with self._lock:
            try:
                return self._ask()
            except Exception as problem:
                # The kept connection is of no use any more. Another one is, or the database is
                # away: then `Database.read` waits for it.
                log.info("the identity revision is read anew: %s", problem)
                self._drop()
        return self._db.read(current)

    def _ask(self) -> int:
        if self._kept is None:
            self._kept = self._db.engine.raw_connection()
            if not self._db.sqlite:
                raw: Any = self._kept.driver_connection
                raw.autocommit = True
                self._kept.detach()
        cursor = self._kept.cursor()
        cursor.execute(self._SQL)
        row = cursor.fetchone()
        cursor.close()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Give the kept connection back."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            with contextlib.suppress(Exception):  # it may be broken already
                kept.close()
