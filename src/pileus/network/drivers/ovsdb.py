"""One connection to one OVSDB server: a copy of some tables, and transactions on them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

from ovs.db import idl as ovs_idl
from ovsdbapp import exceptions
from ovsdbapp.backend.ovs_idl import idlutils
from ovsdbapp.backend.ovs_idl.connection import Connection, OvsdbIdl
from ovsdbapp.backend.ovs_idl.transaction import Transaction

from pileus.core.backend import Broken, Busy, Refused

Event = Literal["create", "update", "delete"]
T = TypeVar("T")


class _Work(Generic[T]):
    """A piece of work in the shape that ovsdbapp's transactions run."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self.work = work
        self.done: list[T] = []

    @property
    def result(self) -> list[T]:
        return self.done

    def run_idl(self, txn: Any) -> None:
        self.done = [self.work(txn)]

    def post_commit(self, txn: Any) -> None:
        pass


class Ovsdb:
    """A connection that reconnects by itself. All work on rows runs in its one thread.

    `seen(event, row)` is called for every row that appears, changes or goes: at first in the thread
    that makes the connection, afterwards in the connection's own. `timeout` is in seconds.
    Raises Broken if the server does not answer.
    """

    def __init__(
        self,
        remote: str,
        database: str,
        tables: Mapping[str, Sequence[str]],
        *,
        seen: Callable[[Event, Any], None] | None = None,
        timeout: float = 20,
    ) -> None:
        self.remote = remote
        self.database = database
        self._timeout = timeout
        self._closed = False

        class Watched(OvsdbIdl):  # type: ignore[misc]
            def notify(self, event: str, row: Any, updates: Any = None) -> None:
                if seen is not None:
                    kinds: dict[str, Event] = {
                        ovs_idl.ROW_CREATE: "create",
                        ovs_idl.ROW_UPDATE: "update",
                        ovs_idl.ROW_DELETE: "delete",
                    }
                    seen(kinds[event], row)

        try:
            schema = idlutils.get_schema_helper(remote, database)
            for table, columns in tables.items():
                schema.register_columns(table, list(columns))
            self.idl = Watched(remote, schema)
            self._connection = Connection(self.idl, timeout)
            self._connection.start()
        except Exception as error:
            raise Broken(
                f"the database {database} does not answer at {remote}: {error}. "
                "Is its ovsdb-server running?"
            ) from error

    def table(self, name: str) -> Any:
        """The table's schema and rows; only for use inside `transact`."""
        return self.idl.tables[name]

    def transact(self, work: Callable[[Any], T]) -> T:
        """Run `work` on a new transaction in the connection's thread, and commit.

        `work` may run again if the rows it saw have changed. What it raises is raised here, and
        nothing is written then. Raises Busy if the server does not answer in time, Refused if it
        rejects the transaction.
        """
        if self._closed:
            raise Broken(f"the connection to {self.database} at {self.remote} was closed here")
        command = _Work(work)
        transaction = Transaction(self, self._connection, self._timeout, True, False)
        transaction.add(command)
        try:
            transaction.commit()
        except exceptions.TimeoutException as error:
            raise Busy(self._late()) from error
        except RuntimeError as error:
            if "timed out" in str(error):
                raise Busy(self._late()) from error
            raise Refused(f"the database {self.database} refused the change: {error}") from error
        if not command.done:
            raise Busy(f"the database {self.database} at {self.remote} aborted the change")
        return command.done[0]

    def _late(self) -> str:
        return (
            f"the database {self.database} at {self.remote} did not answer "
            f"within {self._timeout:g} s"
        )

    def close(self) -> None:
        """End the thread and the connection; closed already is fine."""
        self._closed = True
        self._connection.stop(self._timeout)
