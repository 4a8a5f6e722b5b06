"""The database and its transactions.

`Database.run` is the only way in: it gives a function a `Tx`, commits, and runs the function again
when the database could not serialise it with others. So such functions do nothing but read and
write rows: no I/O, no call to a back end.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from .clock import Clock, RealClock
from .durable import WalSync
from .errors import BadRequest, Unavailable
from .ids import Ids
from .resource import Resource
from .vault import Vault

R = TypeVar("R", bound=Resource)
T = TypeVar("T")
log = logging.getLogger(__name__)
_TRIES = 12
# PostgreSQL's serialisation failure and deadlock, MariaDB's deadlock and lock wait timeout.
_RETRIED = {"40001", "40P01", 1213, 1205}


class Stale(Exception):
    """A conditional write met a row changed by somebody else: the transaction runs again."""


class Tx:
    """One transaction: rows in, rows out, and what to do once they stand."""

    def __init__(self, conn: sa.Connection, db: "Database", write: bool) -> None:
        self.conn = conn
        self.ids = db.ids
        self.vault = db.vault
        self.owner = db.owner
        self.now: datetime = db.clock.now()
        self.write = write
        self.signals: dict[tuple[str, str], None] = {}

    def get(self, cls: type[R], *key: object) -> R | None:
        """The row with this primary key."""
        names = [column.name for column in cls.key_columns()]
        found = self.conn.execute(cls.by_key, dict(zip(names, key, strict=True)))
        row = found.mappings().first()
        return None if row is None else cls.load(row)

    def one(self, cls: type[R], *where: sa.ColumnElement[bool]) -> R | None:
        """The first row that fits."""
        row = self.conn.execute(sa.select(cls.table).where(*where).limit(1)).mappings().first()
        return None if row is None else cls.load(row)

    def all(
        self,
        cls: type[R],
        *where: sa.ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
    ) -> list[R]:
        """Every row that fits."""
        query = sa.select(cls.table).where(*where).order_by(*order)
        if limit is not None:
            query = query.limit(limit)
        return [cls.load(row) for row in self.conn.execute(query).mappings()]

    def count(self, cls: type[Resource], *where: sa.ColumnElement[bool]) -> int:
        """How many rows fit."""
        query = sa.select(sa.func.count()).select_from(cls.table).where(*where)
        return int(self.conn.execute(query).scalar_one())

    def exists(self, cls: type[Resource], *where: sa.ColumnElement[bool]) -> bool:
        """Whether any row fits."""
        query = sa.select(sa.literal(1)).select_from(cls.table).where(*where).limit(1)
        return self.conn.execute(query).first() is not None

    def add(self, thing: R) -> R:
        """Insert a row, its missing attributes at their defaults."""
        thing.fill(self)
        self.conn.execute(sa.insert(thing.table), thing.__dict__)
        return thing

    def add_all(self, things: Sequence[R]) -> None:
        """Insert many rows of one type in one statement."""
        for thing in things:
            thing.fill(self)
        if things:
            self.conn.execute(sa.insert(things[0].table), [t.__dict__ for t in things])

    def change(self, thing: Resource, **values: Any) -> None:
        """Write these attributes of one row, and set them on `thing`."""
        if not values:
            return
        key = {f"key_{c.name}": getattr(thing, c.name) for c in thing.key_columns()}
        done = self.conn.execute(thing.change_by_key, key | values)
        if done.rowcount != 1:
            raise Stale(f"{type(thing).__name__} is gone")
        thing.__dict__.update(values)

    def set(self, cls: type[Resource], *where: sa.ColumnElement[bool], **values: Any) -> int:
        """Write these attributes wherever the condition holds; how many rows it was."""
        return self.conn.execute(sa.update(cls.table).where(*where).values(values)).rowcount

    def remove(self, thing: Resource) -> None:
        """Delete one row; one that is gone already is no error."""
        key = [c == getattr(thing, c.name) for c in thing.key_columns()]
        self.conn.execute(sa.delete(thing.table).where(*key))

    def remove_where(self, cls: type[Resource], *where: sa.ColumnElement[bool]) -> int:
        """Delete every row that fits; how many it was."""
        return self.conn.execute(sa.delete(cls.table).where(*where)).rowcount

    def execute(
        self, statement: sa.Executable, values: Mapping[str, Any] | None = None
    ) -> "sa.Result[*tuple[Any, ...]]":
        """Run any statement: for joins, sums and what the verbs above do not say.

        values: of its named parameters, where it was built once for many calls.
        """
        return self.conn.execute(statement, values)

    def signal(self, topic: str, key: str = "") -> None:
        """Tell this process's listeners of `topic` once the transaction stands.

        A signal only shortens a poll: it is lost in a crash, and other processes never hear it.
        """
        self.signals[topic, key] = None


class Database:
    """A relational database, SQLite by default."""

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        ids: Ids | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.url = url
        self.vault = vault or Vault()
        self.clock = clock or RealClock()
        self.ids = ids or Ids()
        self.sqlite = url.startswith("sqlite")
        self.owner = uuid.uuid4().hex  # this process, in leases and flows
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        # SQLite has one writer: waiting in line here is fair and costs no polling.
        self._writer = threading.Lock()
        self.engine = _sqlite_engine(url) if self.sqlite else _server_engine(url)
        file = self.engine.url.database if self.sqlite else None
        self._disk = WalSync(Path(file)) if file and file != ":memory:" else None

    def run(self, work: Callable[[Tx], T], write: bool = True, promise: bool = True) -> T:
        """Run `work` in one transaction and return what it returned.

        promise: whether it must survive a loss of power once this has returned. A step that is
            simply taken again after one need not wait for the disk; it never outlives a
            transaction before it. (SQLite only: other databases always promise.)

        Raises whatever `work` raised, after rolling back; BadRequest for a query that is beyond
        the database's limits (on conditions, variables, the length of a pattern); Unavailable
        when the database stays unreachable or the transaction cannot be serialised in a dozen
        tries.
        """
        for attempt in range(_TRIES):
            try:
                return self._once(work, write, promise)
            except Stale as stale:
                reason: Exception = stale
            except IntegrityError:
                raise
            except (OperationalError, DBAPIError) as problem:
                if _too_much(problem):
                    raise BadRequest(
                        "This asks for too much at once: name fewer or shorter conditions."
                    ) from problem
                if not _retriable(problem):
                    raise
                reason = problem
            log.info("transaction is run again: %s", reason)
            time.sleep(random.uniform(0, 0.002 * 2**attempt))  # noqa: S311
        raise Unavailable(f"The database could not complete this request: {reason}") from reason

    def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction that only reads."""
        return self.run(work, write=False)

    def _once(self, work: Callable[[Tx], T], write: bool, promise: bool) -> T:
        locked = write and self.sqlite
        if locked:
            self._writer.acquire()
        try:
            with self.engine.connect() as conn:
                if self.sqlite:
                    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
                tx = Tx(conn, self, write)
                try:
                    result = work(tx)
                except BaseException:
                    conn.rollback()
                    raise
                if write:
                    conn.commit()
                else:
                    conn.rollback()
        finally:
            if locked:
                self._writer.release()
        if write and promise and self._disk is not None:
            self._disk.wait()
        for topic, key in tx.signals:
            for call in self._listeners.get(topic, ()):
                call(key)
        return result

    def listen(self, topic: str, call: Callable[[str], None]) -> None:
        """Call `call(key)` after every commit that signalled `topic`; it must return at once."""
        self._listeners.setdefault(topic, []).append(call)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _retriable(problem: DBAPIError) -> bool:
    if problem.connection_invalidated:
        return True
    code = getattr(problem.orig, "sqlstate", None) or next(
        iter(getattr(problem.orig, "args", ())), 0
    )
    return code in _RETRIED or "database is locked" in str(problem.orig)


# What SQLite says of a statement that is beyond its limits.
_LIMITS = (
    "Expression tree is too large",
    "too many SQL variables",
    "pattern too complex",
    "parser stack overflow",
    "string or blob too big",
)


def _too_much(problem: DBAPIError) -> bool:
    return any(text in str(problem.orig) for text in _LIMITS)


def _sqlite_engine(url: str) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=32,
        max_overflow=32,
        pool_use_lifo=True,  # the connection used last has its pages in memory
        connect_args={"check_same_thread": False, "timeout": 30},
        hide_parameters=True,  # they may be secrets, and an error's text goes into the log
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by hand, see Database._once
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",  # see WalSync
            "foreign_keys=ON",
            "busy_timeout=30000",
            "cache_size=-4000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _server_engine(url: str) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=16,
        max_overflow=16,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        hide_parameters=True,
    )


def chunks(items: Iterable[T], size: int = 500) -> Iterable[list[T]]:
    """The items in lists of at most `size`, for conditions with `in`."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
