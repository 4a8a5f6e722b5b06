"""Plain conditions by keyword: a value, NULL, any of several, none at all."""

import pytest

from pileus.core.db import Database, Tx

from .rows import Box


@pytest.fixture
def boxes(db: Database) -> Database:
    def work(tx: Tx) -> None:
        for name, size in (("a", 1), ("b", 2), ("c", 3), ("d", 3)):
            tx.add(Box(name=name, size=size))

    db.run(work)
    return db


def _names(db: Database, **given: object) -> list[str]:
    # The options of `all` are named so that what is given is conditions alone.
    return [b.name for b in db.read(lambda tx: tx.all(Box, order=[Box.name], limit=None, **given))]


def test_values_must_all_be_equal(boxes: Database) -> None:
    assert _names(boxes, name="c", size=3) == ["c"]
    assert _names(boxes, name="c", size=2) == []


def test_a_collection_means_any_of_it(boxes: Database) -> None:
    assert _names(boxes, name=["a", "c", "x"]) == ["a", "c"]
    assert _names(boxes, name={"b"}) == ["b"]


def test_an_empty_collection_fits_nothing(boxes: Database) -> None:
    def work(tx: Tx) -> tuple[object, ...]:
        nothing: list[str] = []
        return (
            tx.one(Box, name=nothing),
            tx.all(Box, name=nothing),
            tx.count(Box, name=nothing),
            tx.exists(Box, name=nothing),
            tx.remove_where(Box, name=nothing),
        )

    assert boxes.run(work) == (None, [], 0, False, 0)
    assert len(_names(boxes)) == 4


def test_none_means_null(boxes: Database) -> None:
    boxes.run(lambda tx: tx.set(Box, Box.name == "b", note="kept"))

    assert _names(boxes, note=None) == ["a", "c", "d"]


def test_the_same_shape_with_other_values_finds_other_rows(boxes: Database) -> None:
    assert [_names(boxes, size=size) for size in (1, 2, 3)] == [["a"], ["b"], ["c", "d"]]


def test_keywords_and_expressions_hold_together(boxes: Database) -> None:
    found = boxes.read(lambda tx: tx.all(Box, Box.name > "c", size=3))

    assert [box.name for box in found] == ["d"]


def test_a_limit_is_not_remembered(boxes: Database) -> None:
    def work(tx: Tx) -> list[int]:
        return [len(tx.all(Box, size=3, limit=limit)) for limit in (1, None, 2, 0)]

    assert boxes.read(work) == [1, 2, 2, 0]


def test_increase_adds_in_the_rows_that_fit(boxes: Database) -> None:
    raised = boxes.run(lambda tx: tx.increase(Box, "size", 10, size=3))

    assert raised == 2
    assert _names(boxes, size=13) == ["c", "d"]


def test_removing_by_keyword_says_how_many(boxes: Database) -> None:
    assert boxes.run(lambda tx: tx.remove_where(Box, size=3)) == 2
    assert _names(boxes) == ["a", "b"]
