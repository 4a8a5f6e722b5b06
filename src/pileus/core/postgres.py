"""What is PostgreSQL's own: its engine, standing in line, and whether a lost commit came about."""

import contextlib
import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

log = logging.getLogger(__name__)
# A process that is stopped in the middle of a transaction must not hold up the others for long.
_OPTIONS = (
    "-c lock_timeout=10s -c idle_in_transaction_session_timeout=30s -c statement_timeout=30s"
    " -c timezone=UTC -c client_min_messages=warning"
)
_LEVEL: Final = "REPEATABLE READ"
_PREPARED = 500  # statements that a connection keeps prepared
# What libpq calls a transaction that is open, a command that was done, a result with rows.
_OPEN, _DONE, _TUPLES = (2, 3), 1, 2


def engine(url: str, json: Mapping[str, Any]) -> sa.Engine:
    """An engine whose transactions see one moment (REPEATABLE READ) and never lose an update."""
    from .cursor import Cursor  # the driver is there only where it is wanted

    # It warns of each batch that ends in an error, which whoever sent the batch hears of anyway.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    made = sa.create_engine(
        url,
        pool_size=16,
        max_overflow=16,
        pool_timeout=30,
        pool_use_lifo=True,
        isolation_level=_LEVEL,
        hide_parameters=True,  # they may be secrets, and an error's text goes into the log
        connect_args={
            "options": _OPTIONS,
            "application_name": "pileus",
            "cursor_factory": Cursor,
            "connect_timeout": 5,
            # A host that has gone without a word is noticed within half a minute.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
        **json,
    )

    @sa.event.listens_for(made, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.prepared_max = _PREPARED
        connection.prepare_threshold = 1

    return made


@contextmanager
def in_line(conn: sa.Connection, names: Iterable[str]) -> Iterator[None]:
    """Hold the advisory locks of these names, taken before the transaction and its snapshot begin.

    Whoever stands in line sees what the one before has committed. A lock that is not to be had in
    time is done without: it only saves tries.
    """
    # One trip for all, past SQLAlchemy, which would open the transaction first. Locks that were
    # had before a failure stay.
    raw: Any = conn.connection.driver_connection
    locks = ",".join(f"pg_advisory_lock({n})" for n in sorted({_number(name) for name in names}))
    begin = f"BEGIN; SELECT {locks}; COMMIT; BEGIN ISOLATION LEVEL {_LEVEL}"
    with contextlib.suppress(raw.Error):  # the statements that follow meet the same
        if raw.pgconn.exec_(begin.encode()).status != _DONE:
            raw.pgconn.exec_(b"ROLLBACK")
    try:
        yield
    finally:
        # A connection that broke has lost its locks with itself.
        if not conn.invalidated:
            undo(conn)
            _let_go(conn)


def _let_go(conn: sa.Connection) -> None:
    raw: Any = conn.connection.driver_connection
    try:
        done = raw.pgconn.exec_(b"SELECT pg_advisory_unlock_all()").status == _TUPLES
    except raw.Error:
        done = False
    if not done:
        log.info("a connection with locks is thrown away")
        conn.invalidate()


def undo(conn: sa.Connection) -> None:
    """Roll back without psycopg, which would forget the prepared statements with it."""
    if not conn.invalidated:
        raw: Any = conn.connection.driver_connection
        with contextlib.suppress(raw.Error):
            if raw.pgconn.transaction_status in _OPEN:
                raw.pgconn.exec_(b"ROLLBACK")
    conn.rollback()


@contextmanager
def alone(made: sa.Engine, name: str) -> Iterator[None]:
    """Hold one advisory lock for as long as the block lasts, whatever it does in between."""
    with made.connect() as conn:
        free = conn.execution_options(isolation_level="AUTOCOMMIT")
        # Whoever is before us may take its time: it sets up the database.
        free.exec_driver_sql("SET lock_timeout = 0")
        free.exec_driver_sql("SET statement_timeout = 0")
        free.exec_driver_sql(f"SELECT pg_advisory_lock({_number(name)})")
        try:
            yield
        finally:
            conn.invalidate()  # gives the lock back and forgets the setting


def collate(conn: sa.Connection) -> None:
    """Let every text column sort by code point, as SQLite does, whatever the database's locale.

    So lists come in the same order, and a page continues where the one before ended.
    """
    plain = conn.exec_driver_sql(
        "SELECT datcollate IN ('C', 'POSIX') AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')"
        " = 'c' FROM pg_database d WHERE datname = current_database()"
    ).scalar()
    if plain:
        return
    columns = conn.exec_driver_sql(
        "SELECT c.table_name, c.column_name, c.data_type, c.character_maximum_length"
        " FROM information_schema.columns c JOIN information_schema.tables t"
        " ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
        " WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'"
        " AND c.data_type IN ('character varying', 'text')"
        " AND c.collation_name IS DISTINCT FROM 'C' ORDER BY 1, 2"
    ).all()
    quote = conn.dialect.identifier_preparer.quote
    changes: dict[str, list[str]] = {}
    for table, column, kind, length in columns:
        full = f"{kind}({length})" if length else kind
        changes.setdefault(table, []).append(
            f'ALTER COLUMN {quote(column)} TYPE {full} COLLATE "C"'
        )
    for table, alterations in changes.items():
        conn.exec_driver_sql(f"ALTER TABLE {quote(table)} {', '.join(alterations)}")


def _number(name: str) -> int:
    digest = hashlib.sha256(f"pileus/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
