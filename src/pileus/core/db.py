"""The database and its transactions.

`Database.run` is the only way in: it gives a function a `Tx`, commits, and runs the function again
when the database could not serialise it with others. So such functions do nothing but read and
write rows: no I/O, no call to a back end.
"""

import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from . import postgres
from .clock import Clock, RealClock
from .crowd import Crowds
from .durable import WalSync
from .health import Health
from .ids import Ids
from .outcome import Outcome
from .patience import Patience, Stale, busy
from .resource import Resource
from .statement import increasing, prepare
from .trouble import Trouble, trouble
from .vault import Vault

__all__ = ["Database", "Stale", "Tx", "chunks"]

R = TypeVar("R", bound=Resource)
T = TypeVar("T")


class _Unsure(Exception):
    """The connection was lost during the commit: `key` says whether it came about."""

    def __init__(self, key: str, result: Any) -> None:
        super().__init__("the connection was lost during the commit")
        self.key, self.result = key, result


class Tx:
    """One transaction: rows in, rows out, and what to do once they stand."""

    def __init__(self, conn: sa.Connection, db: "Database", write: bool) -> None:
        self.conn = conn
        self.ids = db.ids
        self.vault = db.vault
        self.owner = db.owner
        self.now: datetime = db.clock.now()
        self.began = db.clock.monotonic()  # before its snapshot
        self.write = write
        self.known: dict[str, Any] = {}  # what it has read and need not read again
        self.signals: dict[tuple[str, str], None] = {}
        self.lines: set[str] = set()
        self.crowd = ""  # the line named last, if it is of a row that everybody writes

    def get(self, cls: type[R], *key: object) -> R | None:
        """The row with this primary key."""
        row = self.conn.execute(cls.by_key, dict(zip(cls.keys, key, strict=True))).first()
        return None if row is None else cls.load(row)

    def one(self, cls: type[R], *where: sa.ColumnElement[bool], **given: object) -> R | None:
        """The first row that fits; see `all` for the conditions."""
        row = self._first(prepare(cls, "first", where, given))
        return None if row is None else cls.load(row)

    def all(
        self,
        cls: type[R],
        *where: sa.ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
        **given: object,
    ) -> list[R]:
        """Every row that fits.

        given: attributes and what they must be: a value, None for NULL, or any of a collection.
            Quicker than the same written out in `where`: the statement is built only once.
        """
        found = prepare(cls, "rows", where, given, order, limit)
        return [] if found is None else [cls.load(row) for row in self.conn.execute(*found)]

    def rows(self, cls: type[R], statement: sa.Select[Any], **values: object) -> list[R]:
        """Every row of a statement that was built once and selects all columns of the table."""
        return [cls.load(row) for row in self.conn.execute(statement, values)]

    def count(self, cls: type[Resource], *where: sa.ColumnElement[bool], **given: object) -> int:
        """How many rows fit; see `all` for the conditions."""
        row = self._first(prepare(cls, "count", where, given))
        return 0 if row is None else int(row[0])

    def exists(self, cls: type[Resource], *where: sa.ColumnElement[bool], **given: object) -> bool:
        """Whether any row fits; see `all` for the conditions."""
        return self._first(prepare(cls, "exists", where, given)) is not None

    def _first(self, found: tuple[Any, dict[str, Any]] | None) -> Any:
        return None if found is None else self.conn.execute(*found).first()

    def add(self, thing: R) -> R:
        """Insert a row, its missing attributes at their defaults."""
        thing.fill(self)
        self.conn.execute(thing.insert, thing.__dict__)
        return thing

    def add_all(self, things: Sequence[R]) -> None:
        """Insert many rows of one type in one statement."""
        for thing in things:
            thing.fill(self)
        if things:
            self.conn.execute(things[0].insert, [t.__dict__ for t in things])

    def change(self, thing: Resource, **values: Any) -> None:
        """Write these attributes of one row, and set them on `thing`."""
        if not values:
            return
        key = {f"key_{name}": getattr(thing, name) for name in thing.keys}
        done = self.conn.execute(thing.change_by_key, key | values)
        if done.rowcount != 1:
            raise Stale(f"{type(thing).__name__} is gone")
        thing.__dict__.update(values)

    def set(self, cls: type[Resource], *where: sa.ColumnElement[bool], **values: Any) -> int:
        """Write these attributes wherever the condition holds; how many rows it was."""
        return self.conn.execute(sa.update(cls.table).where(*where).values(values)).rowcount

    def increase(self, cls: type[Resource], name: str, by: int = 1, /, **given: object) -> int:
        """Add `by` to the attribute `name` of the rows with these values; how many it was.

        The database adds, so that of two transactions neither overwrites the other's.
        """
        statement, values = increasing(cls, name, given)
        return self.conn.execute(statement, values | {"by": by}).rowcount

    def update(self, statement: sa.Update, values: Mapping[str, Any]) -> int:
        """Run an update that was built once; how many rows it wrote."""
        return self.conn.execute(statement, values).rowcount

    def update_all(self, statement: sa.Update, values: Sequence[Mapping[str, Any]]) -> int:
        """Run an update for each of the values, in one trip and in their order; rows written."""
        return self.conn.execute(statement, values).rowcount if values else 0

    def remove(self, thing: Resource) -> None:
        """Delete one row; one that is gone already is no error."""
        self.conn.execute(thing.remove_by_key, {name: getattr(thing, name) for name in thing.keys})

    def remove_where(
        self, cls: type[Resource], *where: sa.ColumnElement[bool], **given: object
    ) -> int:
        """Delete every row that fits and say how many it was; see `all` for the conditions."""
        found = prepare(cls, "remove", where, given)
        return 0 if found is None else self.conn.execute(*found).rowcount

    def execute(
        self, statement: sa.Executable, values: Mapping[str, Any] | None = None
    ) -> "sa.Result[*tuple[Any, ...]]":
        """Run any statement: for joins, sums and what the verbs above do not say.

        values: of its named parameters, where it was built once for many calls.
        """
        return self.conn.execute(statement, values)

    def line(self, *name: str, own: bool = False) -> None:
        """The row of this name is about to be written: should this collide, queue for it.

        SQLite has one line for all. Elsewhere the next try waits for whoever is before it, and
        then sees what they left, rather than colliding again.

        own: it is one thing's own row. Where others of its kind collide too, they queue as well.
        """
        name_of = "/".join(name)
        self.lines.add(name_of)
        self.crowd = "" if own else name_of

    def signal(self, topic: str, key: str = "") -> None:
        """Tell this process's listeners of `topic` once the transaction stands.

        A signal only shortens a poll: it is lost in a crash. Other processes on the same
        database hear it too, where they can (see `herald`).
        """
        self.signals[topic, key] = None


class Database:
    """A relational database: SQLite by default, or PostgreSQL."""

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        ids: Ids | None = None,
        vault: Vault | None = None,
        owner: str = "",
    ) -> None:
        """owner: what names this process in leases and flows, where it is to outlive it."""
        self.url = url
        self.vault = vault or Vault()
        self.clock = clock or RealClock()
        self.ids = ids or Ids()
        self.sqlite = url.startswith("sqlite")
        self.owner = owner or uuid.uuid4().hex
        self.health = Health()
        self._crowds = Crowds()
        self._outward: Callable[[list[tuple[str, str]]], None] = lambda _signals: None
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        # SQLite has one writer: waiting in line here is fair and costs no polling.
        self._writer = threading.Lock()
        self.engine = _sqlite_engine(url) if self.sqlite else postgres.engine(url, _JSON)
        file = self.engine.url.database if self.sqlite else None
        self._disk = WalSync(Path(file)) if file and file != ":memory:" else None

    def run(
        self,
        work: Callable[[Tx], T],
        write: bool = True,
        promise: bool = True,
        kind: str = "",
        lines: Iterable[str] = (),
    ) -> T:
        """Run `work` in one transaction and return what it returned.

        promise: whether it must survive a loss of power once this has returned. A step that is
            simply taken again after one need not wait for the disk; it never outlives a
            transaction before it. (SQLite only: other databases always promise.)
        kind: what transactions have in common that write the same rows: where one of them
            collided lately, this one queues (see `crowd`).
        lines: what it is known to write (see `Tx.line`), to queue for before it begins.

        Raises whatever `work` raised, after rolling back; BadRequest for a query that is beyond
        the database's limits (on conditions, variables, the length of a pattern) or a value that
        it cannot hold; Unavailable when the database stays unreachable, takes no writes, or
        cannot serialise the transaction in many tries.
        """
        patience = Patience(self.health, self._crowds, kind, lines)
        while True:
            try:
                return self._once(work, write, promise, patience)
            except Stale as stale:
                patience.again(stale)
            except _Unsure as unsure:
                if self.read(partial(_came_about, key=unsure.key)):
                    return unsure.result  # type: ignore[no-any-return]
                patience.again(unsure)
            except DBAPIError as problem:
                patience.met(problem, server=not self.sqlite)
            except PoolTimeout as problem:
                raise busy(problem) from problem

    def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction that only reads."""
        return self.run(work, write=False)

    def _once(self, work: Callable[[Tx], T], write: bool, promise: bool, patience: Patience) -> T:
        locked = write and self.sqlite
        if locked:
            self._writer.acquire()
        try:
            with self.engine.connect() as conn, self._in_line(conn, patience):
                if self.sqlite:
                    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
                tx = Tx(conn, self, write)
                try:
                    result = work(tx)
                except BaseException:
                    patience.stood(tx.lines, tx.crowd)
                    if self.sqlite:
                        conn.rollback()
                    else:
                        postgres.undo(conn)
                    raise
                if write:
                    self._commit(tx, promise, result)
                elif self.sqlite:
                    conn.rollback()
                else:
                    conn.commit()  # after a ROLLBACK psycopg forgets what it has prepared
        finally:
            if locked:
                self._writer.release()
        if write and promise and self._disk is not None:
            self._disk.wait()
        if write:
            self.health.well()
        if tx.signals:
            self.deliver(list(tx.signals))
            self._outward(list(tx.signals))
        return result

    def _in_line(self, conn: sa.Connection, patience: Patience) -> AbstractContextManager[None]:
        if self.sqlite or not patience.lines:
            return nullcontext()
        return postgres.in_line(conn, patience.lines)

    def _commit(self, tx: Tx, promise: bool, result: object) -> None:
        if self.sqlite or not promise:
            tx.conn.commit()
            return
        mark = tx.add(Outcome(id=uuid.uuid4().hex))
        try:
            tx.conn.commit()
        except DBAPIError as problem:
            if trouble(problem) is Trouble.LOST:
                raise _Unsure(mark.id, result) from problem
            raise

    def listen(self, topic: str, call: Callable[[str], None]) -> None:
        """Call `call(key)` after every commit that signalled `topic`; it must return at once.

        An empty key says that signals may have been lost: anything may have changed.
        """
        self._listeners.setdefault(topic, []).append(call)

    def deliver(self, signals: Iterable[tuple[str, str]]) -> None:
        """Tell this process's listeners."""
        for topic, key in signals:
            for call in self._listeners.get(topic, ()):
                call(key)

    def missed(self, but: Collection[str] = ()) -> None:
        """Signals may have been lost: tell all listeners, but for these topics, with no key."""
        self.deliver([(topic, "") for topic in self._listeners if topic not in but])

    def outward(self, send: Callable[[list[tuple[str, str]]], None]) -> None:
        """From now on, hand the signals of this process to `send` as well."""
        self._outward = send

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """No other process of this cloud is in a block of this name; for the start of one."""
        if self.sqlite:
            yield
        else:
            with postgres.alone(self.engine, name):
                yield

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _came_about(tx: Tx, key: str) -> bool:
    return tx.get(Outcome, key) is not None


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


_JSON: dict[str, Any] = {"json_serializer": _encode, "json_deserializer": msgspec.json.decode}


def _sqlite_engine(url: str) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=32,
        max_overflow=32,
        pool_use_lifo=True,  # the connection used last has its pages in memory
        connect_args={"check_same_thread": False, "timeout": 30, "cached_statements": 1024},
        hide_parameters=True,  # they may be secrets, and an error's text goes into the log
        **_JSON,
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
