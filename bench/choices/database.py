"""One row by its key from SQLite: our transaction over Core, the ORM, the bare driver."""

import sqlite3
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from clock import table
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pileus.core.db import Database
from pileus.core.resource import Resource, attr, new_uuid, now
from pileus.core.resource import schema as ours
from pileus.core.types import Int, Text, Uuid, When

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "bench.db"


class Thing(Resource):
    """A row."""

    one, many = "thing", "things"

    id = attr(Uuid(), key=True, default=new_uuid)
    name = attr(Text(255))
    size = attr(Int())
    created_at = attr(When(), default=now)


class _Base(DeclarativeBase):
    pass


class _Mapped(_Base):
    __tablename__ = "things"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    size: Mapped[int]
    created_at: Mapped[sa.DateTime] = mapped_column(sa.DateTime())


db = Database(f"sqlite:///{path}")
Thing.table.create(db.engine)
keys = [db.run(lambda tx, n=n: tx.add(Thing(name=f"t{n}", size=n))).id for n in range(200)]
key = keys[77]
bare = sqlite3.connect(path)
query = "SELECT id, name, size, created_at FROM things WHERE id = ?"


def _orm() -> object:
    with Session(db.engine) as session:
        return session.get(_Mapped, key)


def _core() -> object:
    with db.engine.connect() as connection:
        return connection.execute(sa.select(Thing.table).where(Thing.id == key)).first()


table(
    f"database: one row by its key (Python {sys.version.split()[0]})",
    {
        "our Tx over SQLAlchemy Core": lambda: db.read(lambda tx: tx.get(Thing, key)),
        "SQLAlchemy Core": _core,
        "SQLAlchemy ORM": _orm,
        "sqlite3, no transaction": lambda: bare.execute(query, (key,)).fetchone(),
    },
)
table(
    "database: one row written and committed",
    {
        "our Tx, durable": lambda: db.run(lambda tx: tx.set(Thing, Thing.id == key, size=5)),
    },
)
assert ours.tables
