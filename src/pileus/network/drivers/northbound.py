"""OVN's northbound database as we see it: which row stands for which thing, found in O(1)."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from pileus.network.drivers.ovsdb import Event, Ovsdb

KIND = "pileus:kind"
ID = "pileus:id"
REVISION = "pileus:revision"

# What a row stands for → the table it is in.
TABLE_OF = {
    "switch": "Logical_Switch",
    "port": "Logical_Switch_Port",
    "router": "Logical_Router",
    "security_group": "Port_Group",
    "localnet": "Logical_Switch_Port",
    "subnet": "DHCP_Options",
    "drop": "Port_Group",
}

_COLUMNS = {
    "Logical_Switch": ["name", "ports", "external_ids"],
    "Logical_Switch_Port": [
        "name", "type", "options", "tag", "addresses", "port_security", "up", "enabled",
        "dhcpv4_options", "dhcpv6_options", "external_ids",
    ],
    "DHCP_Options": ["cidr", "options", "external_ids"],
    "Logical_Router": ["name", "enabled", "ports", "static_routes", "nat", "external_ids"],
    "Logical_Router_Port": [
        "name", "mac", "networks", "gateway_chassis", "ipv6_ra_configs", "external_ids",
    ],
    "Gateway_Chassis": ["name", "chassis_name", "priority", "external_ids"],
    "Logical_Router_Static_Route": ["ip_prefix", "nexthop", "external_ids"],
    "NAT": ["type", "external_ip", "logical_ip", "external_ids"],
    "Port_Group": ["name", "ports", "acls", "external_ids"],
    "ACL": ["direction", "priority", "match", "action", "external_ids"],
}  # fmt: skip

T = TypeVar("T")


def labels(kind: str, id: str, revision: int | None = None, **more: str) -> dict[str, str]:
    """The external_ids that mark a row as ours; `more` is written as pileus:<name>."""
    marks = {KIND: kind, ID: id} | {f"pileus:{name}": value for name, value in more.items()}
    if revision is not None:
        marks[REVISION] = str(revision)
    return marks


def label(row: Any, name: str) -> str:
    """What `labels` wrote on the row under pileus:<name>; empty if nothing."""
    return str(row.external_ids.get(f"pileus:{name}", ""))


class Northbound:
    """The connection, with an index of our rows kept current from its updates."""

    def __init__(self, remote: str, changed: Callable[[], None], timeout: float) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._where: dict[tuple[str, str], UUID] = {}
        self._revisions: dict[tuple[str, str], int] = {}
        self._up: set[str] = set()
        self._ovsdb = Ovsdb(remote, "OVN_Northbound", _COLUMNS, seen=self._seen, timeout=timeout)
        self.close = self._ovsdb.close

    def _seen(self, event: Event, row: Any) -> None:
        marks = row.external_ids
        kind, id = marks.get(KIND), marks.get(ID)
        if kind is None or id is None or TABLE_OF.get(kind) != row._table.name:
            return
        key = (kind, id)
        up = event != "delete" and kind == "port" and bool(row.up and row.up[0])
        with self._lock:
            was = id in self._up
            if event != "delete":
                self._where[key] = row.uuid
                if REVISION in marks:
                    self._revisions[key] = int(marks[REVISION])
            elif self._where.get(key) == row.uuid:
                del self._where[key]
                self._revisions.pop(key, None)
            if kind == "port" and label(row, "port") == "guest":
                (self._up.add if up else self._up.discard)(id)
        if kind == "port" and was != up:
            self._changed()

    def up(self) -> set[str]:
        """Ids of the guest ports whose flows are installed on a host."""
        with self._lock:
            return set(self._up)

    def change(self, work: Callable[["Batch"], T]) -> T:
        """Run `work` on a batch that becomes one transaction. Errors are those of `Ovsdb`."""
        return self._ovsdb.transact(lambda txn: work(Batch(self, txn)))

    def standing(self) -> dict[tuple[str, str], int]:
        """Our things that the database holds now → their revision."""

        def look(_: Any) -> dict[tuple[str, str], int]:
            with self._lock:
                return {
                    key: revision
                    for key, revision in self._revisions.items()
                    if self.row(*key) is not None
                }

        return self._ovsdb.transact(look)

    def row(self, kind: str, id: str) -> Any | None:
        """The row that stands for the thing; only for use inside `change`."""
        uuid = self._where.get((kind, id))
        # A reconnect may have emptied the copy without telling of each row that went.
        return None if uuid is None else self._ovsdb.table(TABLE_OF[kind]).rows.get(uuid)

    def rows(self, kind: str) -> list[tuple[str, Any]]:
        """All our rows of a kind with their id; only for use inside `change`."""
        ids = [id for (its, id) in self._where if its == kind]
        return [(id, row) for id in ids if (row := self.row(kind, id)) is not None]

    def new(self, txn: Any, table: str) -> Any:
        """An empty row of the transaction."""
        return txn.insert(self._ovsdb.table(table))


class Batch:
    """One transaction being composed: things in it are found whether they are old or new."""

    def __init__(self, northbound: Northbound, txn: Any) -> None:
        self._northbound = northbound
        self._txn = txn
        self._made: dict[tuple[str, str], Any] = {}
        self._gone: set[tuple[str, str]] = set()

    def find(self, kind: str, id: str) -> Any | None:
        """The row that stands for the thing at this point of the batch."""
        if (kind, id) in self._made:
            return self._made[kind, id]
        return None if (kind, id) in self._gone else self._northbound.row(kind, id)

    def all(self, kind: str) -> Iterable[tuple[str, Any]]:
        """Every row of the kind at this point of the batch, with its id."""
        for id, row in self._northbound.rows(kind):
            if (kind, id) not in self._gone:
                yield id, row
        for (its, id), row in self._made.items():
            if its == kind:
                yield id, row

    def is_new(self, kind: str, id: str) -> bool:
        """Whether the row is made by this batch."""
        return (kind, id) in self._made

    def ensure(self, kind: str, id: str, marks: Mapping[str, str], **columns: Any) -> Any:
        """The row that stands for the thing, made if need be, with these values."""
        row = self.find(kind, id)
        if row is None:
            row = self._made[kind, id] = self._northbound.new(self._txn, TABLE_OF[kind])
        self.put(row, external_ids=dict(marks), **columns)
        return row

    def insert(self, table: str, **columns: Any) -> Any:
        """A new row that only its parent refers to."""
        row = self._northbound.new(self._txn, table)
        self.put(row, **columns)
        return row

    def put(self, row: Any, **columns: Any) -> None:
        """Set the columns that differ. A set is given as a list, an optional value too."""
        for column, value in columns.items():
            old = getattr(row, column, None)
            if isinstance(value, list):
                same = old is not None and sorted(old, key=str) == sorted(value, key=str)
            else:
                same = old == value
            if not same:
                setattr(row, column, value)

    def join(self, parent: Any, column: str, child: Any) -> None:
        """Add the row to the parent's set; already there is fine."""
        parent.verify("name")  # without its parent the child would silently vanish
        parent.addvalue(column, child)

    def leave(self, parent: Any, column: str, child: Any) -> None:
        """Take the row out of the parent's set; not there is fine."""
        parent.delvalue(column, child)

    def part(self, parent: Any, column: str, child: Any) -> None:
        """Take an owned row from its parent and delete it."""
        parent.delvalue(column, child)
        child.delete()

    def forget(self, kind: str, id: str) -> Any | None:
        """Delete the row that stands for the thing. Returns it, or None if nothing stood there."""
        row = self.find(kind, id)
        if row is not None:
            self._made.pop((kind, id), None)
            self._gone.add((kind, id))
            row.delete()
        return row
