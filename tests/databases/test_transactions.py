"""Transactions on PostgreSQL: what is retried, what is looked up, what a client is told."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from pileus.core.db import Database, Tx
from pileus.core.errors import BadRequest, Unavailable
from pileus.core.herald import Herald
from pileus.core.outcome import Outcome
from pileus.core.quota import QuotaGuard, guard
from pileus.core.resource import schema

from ..core.rows import Box
from ..postgresql import Server
from .wire import Cut, Moment


@pytest.fixture
def url(postgresql: Server) -> str:
    return postgresql.new_database()


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    made = Database(url)
    schema.create_all(made.engine)
    yield made
    made.close()


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_connection_that_is_lost_at_the_commit_does_the_work_once(
    db: Database, postgresql: Server, moment: Moment
) -> None:
    # Arrange
    cut = Cut(postgresql.port)
    through = Database(db.url.replace(f":{postgresql.port}/", f":{cut.port}/"))
    through.run(lambda tx: tx.add(Box(name="first")))
    cut.at_the_next_commit(moment)

    # Act
    made = through.run(lambda tx: tx.add(Box(name="second")))

    # Assert
    assert cut.cuts == 1
    rows = db.read(lambda tx: tx.all(Box, name="second"))
    assert [row.id for row in rows] == [made.id]
    through.close()
    cut.close()


def test_two_that_insert_the_same_row_first_both_come_through(db: Database) -> None:
    both = threading.Barrier(2, timeout=30)
    waited: set[int] = set()

    def work(tx: Tx) -> None:
        tx.count(QuotaGuard)  # the snapshot is taken here
        me = threading.get_ident()
        if me not in waited:
            waited.add(me)
            both.wait()
        guard(tx, "project")

    threads = [threading.Thread(target=db.run, args=(work,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    row = db.read(lambda tx: tx.get(QuotaGuard, "project"))
    assert row is not None and row.touched == 1


def test_two_that_lock_rows_crosswise_both_come_through(db: Database) -> None:
    for name in ("a", "b"):
        db.run(lambda tx, n=name: tx.add(QuotaGuard(project_id=n)))
    both = threading.Barrier(2, timeout=30)
    waited: set[int] = set()

    def work(first: str, second: str) -> None:
        def inside(tx: Tx) -> None:
            tx.increase(QuotaGuard, "touched", project_id=first)
            if first not in waited:
                waited.add(first)  # type: ignore[arg-type]
                both.wait()
            tx.increase(QuotaGuard, "touched", project_id=second)

        db.run(inside)

    threads = [threading.Thread(target=work, args=pair) for pair in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [row.touched for row in db.read(lambda tx: tx.all(QuotaGuard))] == [2, 2]


class _Held:
    """A transaction that stays open until it is let go."""

    def __init__(self, db: Database, **how: Any) -> None:
        self.begun, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=db.run, args=(self._work,), kwargs=how)
        self._thread.start()

    def _work(self, tx: Tx) -> None:
        tx.count(QuotaGuard)
        self.begun.set()
        assert self._go.wait(30)

    def let_go(self) -> None:
        self._go.set()
        self._thread.join()


def test_a_transaction_begins_when_the_one_before_it_in_line_is_through(db: Database) -> None:
    first = _Held(db, lines=["row"])
    assert first.begun.wait(30)

    second = _Held(db, lines=["row", "other"])

    assert not second.begun.wait(0.3)
    first.let_go()
    assert second.begun.wait(30)
    second.let_go()


def test_a_transaction_that_queued_sees_one_moment(db: Database) -> None:
    def work(tx: Tx) -> tuple[int, int]:
        before = tx.count(Box)
        db.run(lambda other: other.add(Box(name="a")))
        return before, tx.count(Box)

    assert db.run(work, lines=["row"]) == (0, 0)


def test_a_place_in_line_that_is_not_to_be_had_is_done_without(db: Database) -> None:
    @sa.event.listens_for(db.engine, "connect")
    def hurry(connection: Any, _record: Any) -> None:
        connection.execute("SET lock_timeout = '200ms'")
        connection.commit()

    first = _Held(db, lines=["row"])
    assert first.begun.wait(30)

    made = db.run(lambda tx: tx.add(Box(name="a")), lines=["row"])

    assert db.read(lambda tx: tx.get(Box, made.id)) is not None
    first.let_go()


def test_where_one_collided_the_next_of_its_kind_queue_from_the_start(db: Database) -> None:
    # Arrange: one collision
    db.run(lambda tx: guard(tx, "p"))
    tries: list[int] = []

    def work(tx: Tx) -> None:
        tx.count(QuotaGuard)  # the snapshot is taken here
        tries.append(1)
        if len(tries) == 1:
            db.run(lambda other: guard(other, "p"))
        guard(tx, "p")

    db.run(work, kind="claim")
    assert len(tries) == 2

    # Act
    first = _Held(db, kind="claim")
    assert first.begun.wait(30)
    second, stranger = _Held(db, kind="claim"), _Held(db, kind="another")

    # Assert
    assert stranger.begun.wait(30)
    assert not second.begun.is_set()
    for held in (stranger, first, second):
        held.let_go()


def test_what_is_prepared_outlives_a_transaction_that_failed(db: Database) -> None:
    def fail(tx: Tx) -> None:
        tx.count(Box)
        raise KeyError

    for _ in range(3):
        db.read(lambda tx: tx.count(Box))

    with pytest.raises(KeyError):
        db.run(fail)

    query = sa.text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%box%'")
    assert db.read(lambda tx: tx.execute(query).scalar())


@pytest.mark.parametrize("value", ["a\x00b", "x" * 10_000])
def test_a_text_that_does_not_fit_is_a_bad_request(db: Database, value: str) -> None:
    with pytest.raises(BadRequest):
        db.run(lambda tx: tx.add(QuotaGuard(project_id=value)))


def test_a_read_only_database_is_503_and_says_when_to_come_again(db: Database) -> None:
    with db.engine.connect() as connection:
        name = sa.make_url(db.url).database
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        connection.commit()
    db.engine.dispose()

    with pytest.raises(Unavailable) as refused:
        db.run(lambda tx: tx.add(Box(name="a")))

    assert "does not take writes" in refused.value.message
    assert refused.value.headers["Retry-After"]


def test_nobody_s_mark_stays_behind(db: Database) -> None:
    from datetime import timedelta

    from pileus.core.tidy import outcome_loop

    db.run(lambda tx: tx.add(Box(name="a")))
    db.run(lambda tx: tx.set(Outcome, at=tx.now - timedelta(hours=2)), promise=False)

    outcome_loop(db).once()

    assert db.read(lambda tx: tx.count(Outcome)) == 0


def test_a_signal_reaches_another_process(db: Database) -> None:
    other = Database(db.url)
    heard = threading.Event()
    other.listen("topic", lambda key: heard.set() if key == "k" else None)
    heralds = [Herald(db), Herald(other)]
    for herald in heralds:
        herald.start()
    try:
        for _ in range(100):  # until the other one listens
            db.run(lambda tx: tx.signal("topic", "k"))
            if heard.wait(0.1):
                break
        assert heard.is_set()
    finally:
        for herald in heralds:
            herald.stop()
        other.close()


def test_whoever_begins_to_listen_is_told_that_signals_may_have_been_lost(db: Database) -> None:
    heard = threading.Event()
    db.listen("topic", lambda key: heard.set() if key == "" else None)
    herald = Herald(db)

    herald.start()

    try:
        assert heard.wait(30)
    finally:
        herald.stop()


def test_a_signal_is_heard_again_after_the_database_was_away(db: Database) -> None:
    own = Server()
    one, other = Database(own.new_database()), Database(own.url("postgres"))
    other = Database(one.url)
    heard = threading.Event()
    other.listen("topic", lambda key: heard.set() if key == "k" else None)
    heralds = [Herald(one), Herald(other)]
    for herald in heralds:
        herald.start()
    own.restart("immediate")

    for _ in range(300):
        one.run(lambda tx: tx.signal("topic", "k"), promise=False)
        if heard.wait(0.1):
            break

    assert heard.is_set()
    for herald in heralds:
        herald.stop()
    one.close()
    other.close()
    own.close()
