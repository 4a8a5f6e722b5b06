"""Desired state: written with a revision, watched, reported on, removed."""

from pileus.core import desired
from pileus.core.db import Database
from pileus.core.desired import Report


def _put(db: Database, spec: dict[str, int] | None, key: str = "g1") -> int:
    return db.run(lambda tx: desired.put(tx, "h", "guest", key, spec))


def test_a_host_sees_what_changed_after_a_revision(db: Database) -> None:
    first = _put(db, {"n": 1}, "g1")
    _put(db, {"n": 1}, "g2")

    found = db.read(lambda tx: desired.since(tx, "h", first))

    assert [w.id for w in found] == ["g2"]


def test_the_same_wish_again_is_no_change(db: Database) -> None:
    assert _put(db, {"n": 1}) == _put(db, {"n": 1})


def test_a_wish_is_settled_by_a_report_on_its_revision(db: Database) -> None:
    old = _put(db, {"n": 1})
    new = _put(db, {"n": 2})

    db.run(lambda tx: desired.accept(tx, "h", Report("guest", "g1", old, {"power": "a"})))
    early = db.read(lambda tx: desired.settled(tx, "h", "guest", "g1"))
    db.run(lambda tx: desired.accept(tx, "h", Report("guest", "g1", new, {"power": "b"})))

    assert early is None
    assert db.read(lambda tx: desired.settled(tx, "h", "guest", "g1")) == {"power": "b"}


def test_a_report_from_the_past_changes_nothing(db: Database) -> None:
    old = _put(db, {"n": 1})
    new = _put(db, {"n": 2})
    db.run(lambda tx: desired.accept(tx, "h", Report("guest", "g1", new, {"power": "b"})))

    db.run(lambda tx: desired.accept(tx, "h", Report("guest", "g1", old, {"power": "a"})))

    assert db.read(lambda tx: desired.settled(tx, "h", "guest", "g1")) == {"power": "b"}


def test_another_hosts_report_is_about_nothing(db: Database) -> None:
    revision = _put(db, {"n": 1})

    row = db.run(lambda tx: desired.accept(tx, "x", Report("guest", "g1", revision, {})))

    assert row is None


def test_a_removed_object_goes_with_its_report(db: Database) -> None:
    _put(db, {"n": 1})
    db.run(lambda tx: desired.withdraw(tx, "h", "guest", "g1"))
    gone = db.read(lambda tx: desired.find(tx, "h", "guest", "g1"))
    assert gone is not None

    db.run(lambda tx: desired.accept(tx, "h", Report("guest", "g1", gone.revision, None)))

    assert db.read(lambda tx: desired.find(tx, "h", "guest", "g1")) is None


def test_a_report_of_removal_does_not_remove_what_is_wanted_again(db: Database) -> None:
    _put(db, {"n": 1})
    _put(db, None)
    removal = db.read(lambda tx: desired.find(tx, "h", "guest", "g1"))
    assert removal is not None
    _put(db, {"n": 3})

    db.run(lambda tx: desired.accept(tx, "h", Report("guest", "g1", removal.revision, None)))

    row = db.read(lambda tx: desired.find(tx, "h", "guest", "g1"))
    assert row is not None
    assert row.spec == {"n": 3}
