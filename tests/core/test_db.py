"""Transactions: all or nothing, one writer at a time, retried when stale."""

import threading

import pytest
from sqlalchemy.exc import IntegrityError

from pileus.core.db import Database, Stale, Tx

from .rows import Box


def test_an_exception_leaves_nothing(db: Database) -> None:
    def work(tx: Tx) -> None:
        tx.add(Box(name="a"))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        db.run(work)

    assert db.read(lambda tx: tx.count(Box)) == 0


def test_a_stale_transaction_runs_again(db: Database) -> None:
    attempts: list[int] = []

    def work(tx: Tx) -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise Stale("somebody was quicker")
        return len(attempts)

    assert db.run(work) == 3


def test_a_unique_name_can_be_taken_once(db: Database) -> None:
    db.run(lambda tx: tx.add(Box(name="a")))

    with pytest.raises(IntegrityError):
        db.run(lambda tx: tx.add(Box(name="a")))


def test_concurrent_increments_are_all_counted(db: Database) -> None:
    box = db.run(lambda tx: tx.add(Box(name="a", size=0)))

    def increment() -> None:
        for _ in range(20):
            db.run(lambda tx: tx.set(Box, Box.id == box.id, size=Box.size + 1))

    threads = [threading.Thread(target=increment) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert db.read(lambda tx: tx.get(Box, box.id)).size == 100  # type: ignore[union-attr]


def test_a_change_of_a_row_that_is_gone_is_stale(db: Database) -> None:
    box = db.run(lambda tx: tx.add(Box(name="a")))
    db.run(lambda tx: tx.remove(box))
    attempts: list[int] = []

    def work(tx: Tx) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            tx.change(box, size=2)

    db.run(work)

    assert len(attempts) == 2


def test_listeners_hear_only_of_what_stands(db: Database) -> None:
    heard: list[str] = []
    db.listen("topic", heard.append)

    def fails(tx: Tx) -> None:
        tx.signal("topic", "lost")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.run(fails)
    db.run(lambda tx: tx.signal("topic", "kept"))

    assert heard == ["kept"]
