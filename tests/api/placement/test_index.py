"""The index of what is free: it follows this process's changes, and forgets what was undone."""

import pytest
from sqlalchemy.event import listen

from pileus import placement
from pileus.core.clock import ManualClock
from pileus.core.db import Database, Tx
from pileus.core.ids import Ids
from pileus.core.resource import schema
from pileus.placement import Index, Inventory, changes


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def db(tmp_path, clock: ManualClock):
    made = Database(f"sqlite:///{tmp_path / 'index.db'}", clock, Ids(1))
    schema.create_all(made.engine)
    yield made
    made.close()


def _host(tx: Tx, name: str, memory: int) -> None:
    placement.provider_put(tx, name, name, {"MEMORY_MB": Inventory(memory)}, ())


def _take(tx: Tx, consumer: str, host: str, memory: int) -> None:
    placement.claim(tx, consumer, "p", "u", host, {"MEMORY_MB": memory})


@pytest.fixture
def index(db: Database) -> Index:
    made = Index(db)
    for name, memory in (("a", 10), ("b", 30), ("c", 20)):
        db.run(lambda tx, name=name, memory=memory: _host(tx, name, memory))
    return made


def _room(tx: Tx, index: Index, memory: int = 5) -> list[str]:
    return list(index.fitting(tx, {"MEMORY_MB": memory}, "MEMORY_MB"))


def test_the_one_with_most_free_comes_first(db: Database, index: Index) -> None:
    assert db.read(lambda tx: _room(tx, index)) == ["b", "c", "a"]
    assert db.read(lambda tx: _room(tx, index, 15)) == ["b", "c"]


def test_an_unknown_resource_class_fits_nowhere(db: Database, index: Index) -> None:
    found = db.read(lambda tx: list(index.fitting(tx, {"CUSTOM_X": 1}, "MEMORY_MB")))

    assert found == []


def test_one_that_has_nothing_of_what_weighs_comes_last(db: Database, index: Index) -> None:
    both = {"MEMORY_MB": Inventory(5), "VCPU": Inventory(1)}
    db.run(lambda tx: placement.provider_put(tx, "d", "d", {"VCPU": Inventory(1)}, ()))
    db.run(lambda tx: placement.provider_put(tx, "e", "e", both, ()))

    found = db.read(lambda tx: list(index.fitting(tx, {"VCPU": 1}, "MEMORY_MB")))

    assert found == ["e", "d"]


def test_a_claim_counts_at_once_in_its_own_transaction(db: Database, index: Index) -> None:
    def work(tx: Tx) -> list[str]:
        _take(tx, "one", "b", 25)
        return _room(tx, index)

    assert db.run(work) == ["c", "a", "b"]
    assert db.read(lambda tx: _room(tx, index)) == ["c", "a", "b"]


def test_a_claim_that_was_undone_does_not_count(db: Database, index: Index) -> None:
    def work(tx: Tx) -> None:
        _take(tx, "one", "b", 25)
        _room(tx, index)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.run(work)

    assert db.read(lambda tx: _room(tx, index)) == ["b", "c", "a"]


def test_hosts_come_and_go(db: Database, index: Index) -> None:
    db.read(lambda tx: _room(tx, index))
    db.run(lambda tx: _host(tx, "d", 50))
    db.run(lambda tx: placement.provider_remove(tx, "b"))

    assert db.read(lambda tx: _room(tx, index)) == ["d", "c", "a"]


@pytest.fixture
def other(db: Database, clock: ManualClock):
    """The same database as another process has it."""
    made = Database(db.url, clock, Ids(2))
    yield made
    made.close()


def test_what_another_process_did_is_seen_at_once(
    db: Database, index: Index, other: Database
) -> None:
    db.read(lambda tx: _room(tx, index))

    other.run(lambda tx: _take(tx, "one", "b", 30))
    taken = db.read(lambda tx: _room(tx, index))
    other.run(lambda tx: placement.release(tx, "one"))
    other.run(lambda tx: placement.provider_remove(tx, "a"))
    other.run(lambda tx: _host(tx, "d", 40))

    assert taken == ["c", "a"]
    assert db.read(lambda tx: _room(tx, index)) == ["d", "b", "c"]


def test_one_with_changes_of_its_own_loads_the_index_for_itself_alone(
    db: Database, index: Index
) -> None:
    def work(tx: Tx) -> list[str]:
        _take(tx, "one", "b", 25)
        found = _room(tx, index)
        tx.conn.rollback()  # as the end of a process would
        return found

    assert db.read(work) == ["c", "a", "b"]
    assert db.read(lambda tx: _room(tx, index)) == ["b", "c", "a"]


def test_only_what_has_changed_is_read_again(db: Database, index: Index, other: Database) -> None:
    read: list[object] = []
    listen(db.engine, "before_cursor_execute", lambda *args: read.append((args[2], args[3])))
    db.read(lambda tx: _room(tx, index))
    other.run(lambda tx: _take(tx, "one", "b", 30))
    read.clear()

    db.read(lambda tx: _room(tx, index))
    again = [values for text, values in read if "FROM placement_inventories" in text]
    read.clear()
    db.read(lambda tx: _room(tx, index))
    more = [text for text, _ in read if "FROM placement_inventories" in text]

    assert [set(values) for values in again] == [{"b"}]
    assert more == []


def test_an_index_that_missed_what_is_forgotten_reads_all_again(
    db: Database, index: Index, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_KEPT", 2)
    db.read(lambda tx: _room(tx, index))
    other.run(lambda tx: _take(tx, "one", "b", 30))
    for number in range(4):
        other.run(lambda tx, number=number: _take(tx, f"c{number}", "c", 1))
    other.run(changes.forget)

    found = db.read(lambda tx: _room(tx, index))

    assert db.read(lambda tx: tx.count(changes.Change)) == 3
    assert found == ["c", "a"]


def test_a_transaction_that_began_before_a_change_does_not_hide_it(
    db: Database, index: Index, clock: ManualClock
) -> None:
    def work(tx: Tx) -> None:
        _room(tx, index)  # its snapshot is taken
        clock.advance(1)
        db.run(lambda other: _take(other, "one", "b", 25))
        _room(tx, index)

    db.read(work)
    clock.advance(1)

    assert db.read(lambda tx: _room(tx, index)) == ["c", "a", "b"]


def test_of_equals_one_that_somebody_has_in_hand_is_offered_last(
    db: Database, index: Index, clock: ManualClock
) -> None:
    for name in ("x", "y"):
        db.run(lambda tx, name=name: _host(tx, name, 50))

    def best(tx: Tx) -> str:
        return next(index.fitting(tx, {"MEMORY_MB": 5}, "MEMORY_MB"))

    first, second = db.read(best), db.read(best)
    clock.advance(2)

    assert (first, second) == ("y", "x")
    assert db.read(best) == "y"
