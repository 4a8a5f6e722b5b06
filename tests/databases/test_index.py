"""The index on PostgreSQL, where commits come in another order than transactions are numbered."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from pileus import app, placement
from pileus.core.db import Database
from pileus.placement import Index, Inventory, changes

from ..postgresql import Server

NAMES = ("a", "b", "c")


@pytest.fixture
def db(postgresql: Server) -> Iterator[Database]:
    made = Database(postgresql.new_database())
    app.schema.create_all(made.engine)
    for name in NAMES:
        stock = {"MEMORY_MB": Inventory(10)}
        made.run(
            lambda tx, name=name, stock=stock: placement.provider_put(tx, name, name, stock, ())
        )
    yield made
    made.close()


def _free(db: Database, index: Index) -> list[str]:
    return sorted(db.read(lambda tx: list(index.fitting(tx, {"MEMORY_MB": 6}, "MEMORY_MB"))))


def _use(connection: sa.Connection, name: str) -> None:
    connection.exec_driver_sql(
        f"UPDATE placement_inventories SET used = used + 5 WHERE provider_id = '{name}'"
    )
    connection.exec_driver_sql(
        f"UPDATE placement_providers SET generation = generation + 1 WHERE id = '{name}'"
    )


def test_one_that_began_first_and_ended_last_is_seen(db: Database) -> None:
    index = Index(db)
    assert _free(db, index) == ["a", "b", "c"]
    with db.engine.connect() as first, db.engine.connect() as second:
        _use(first, "a")
        _use(second, "b")
        second.commit()
        between = _free(db, index)
        first.commit()

    assert between == ["a", "c"]
    assert _free(db, index) == ["c"]


def test_one_that_ended_last_and_is_forgotten_already_is_seen(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_KEPT", 2)
    index = Index(db)
    with db.engine.connect() as first:
        _use(first, "a")
        for _ in range(4):
            db.run(lambda tx: placement.claim(tx, "one", "p", "u", "b", {"MEMORY_MB": 1}))
            db.run(lambda tx: placement.release(tx, "one"))
        between = _free(db, index)
        first.commit()
    db.run(changes.forget)

    assert between == ["a", "b", "c"]
    assert _free(db, index) == ["b", "c"]


def test_numbers_of_another_server_are_forgotten(db: Database) -> None:
    db.run(lambda tx: tx.add(changes.Change(number=2**50, provider_id="a")))

    db.run(changes.forget)

    assert not db.read(lambda tx: tx.exists(changes.Change, number=2**50))


def test_one_that_is_undone_leaves_nothing(db: Database) -> None:
    index = Index(db)
    _free(db, index)
    with db.engine.connect() as first:
        _use(first, "a")
        between = _free(db, index)
        first.rollback()

    assert between == _free(db, index) == ["a", "b", "c"]


def test_an_older_snapshot_does_not_put_back_what_a_newer_one_has_read(db: Database) -> None:
    index = Index(db)
    _free(db, index)
    older = db.engine.connect()
    older.exec_driver_sql("SELECT 1").scalar()  # its snapshot is taken
    with db.engine.connect() as other:
        _use(other, "a")
        other.commit()
    now = _free(db, index)

    late = _look_of(db, index, older)

    assert now == late == _free(db, index) == ["b", "c"]
    older.close()


def _look_of(db: Database, index: Index, connection: sa.Connection) -> list[str]:
    from pileus.core.db import Tx

    tx = Tx(connection, db, write=False)
    return sorted(index.fitting(tx, {"MEMORY_MB": 6}, "MEMORY_MB"))


def test_what_a_long_transaction_leaves_open_is_read_once(db: Database) -> None:
    index = Index(db)
    read: list[object] = []
    with db.engine.connect() as long, db.engine.connect() as other:
        _use(long, "a")
        _use(other, "b")
        other.commit()
        _free(db, index)
        sa.event.listen(db.engine, "before_cursor_execute", lambda *args: read.append(args[2]))
        _free(db, index)
        long.rollback()

    assert not [text for text in read if "FROM placement_inventories" in text]
