"""Which control-plane processes serve this database, of which version, and when last heard of.

A row goes when its process stops; that of one that was killed is overwritten when the same state
directory is served again, and counts for nothing after half a minute of silence.
"""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from .db import Database, Tx
from .ids import derived
from .loop import Loop
from .resource import Resource, attr
from .types import Int, Text, When

_BEAT = 5.0
SILENT = timedelta(seconds=30)


class Process(Resource):
    """One control-plane process: one a state directory."""

    one, many = "process", "processes"

    id = attr(Text(36), key=True)
    machine = attr(Text(255))
    state = attr(Text(4096))
    pid = attr(Int())
    version = attr(Text(64))
    head = attr(Text(64))  # the newest migration that it knows
    started_at = attr(When())
    seen_at = attr(When())


@dataclass(frozen=True)
class Place:
    """What a process says of itself; there is one a state directory on a machine."""

    machine: str
    state: str
    pid: int
    version: str
    head: str

    @property
    def id(self) -> str:
        """The id of its row."""
        return derived("process", self.machine, self.state)


class Census:
    """One process's own row."""

    def __init__(self, db: Database, place: Place) -> None:
        self._db, self.place = db, place

    def loop(self) -> Loop:
        """The loop that says that this process lives."""
        return Loop("census", _BEAT, self.beat)

    def beat(self) -> None:
        """Say so once."""
        self._db.run(self._seen, promise=False)

    def _seen(self, tx: Tx) -> None:
        row = tx.get(Process, self.place.id)
        if row is not None:
            tx.change(row, seen_at=tx.now)
        else:
            register(tx, self.place)

    def leave(self) -> None:
        """This process stops."""
        self._db.run(lambda tx: tx.remove_where(Process, id=self.place.id), promise=False)


def register(tx: Tx, place: Place) -> None:
    """Write the row of a process that starts, in place of its predecessor's."""
    tx.remove_where(Process, id=place.id)
    tx.add(Process(id=place.id, **vars(place), started_at=tx.now, seen_at=tx.now))


def living(tx: Tx) -> list[Process]:
    """The processes that were heard of lately, oldest first."""
    order: list[sa.Column[object]] = [Process.started_at, Process.id]  # type: ignore[list-item]
    return tx.all(Process, Process.seen_at > tx.now - SILENT, order=order)
