"""A resource is declared once; its body, view and windows follow."""

import pytest

from pileus.core.db import Database
from pileus.core.errors import BadRequest
from pileus.core.types import Where

from .rows import Box

OLD, NEW = Where("box", (2, 1)), Where("box", (2, 5))


def test_a_body_sets_what_it_may() -> None:
    assert Box.parse({"name": "a", "size": 3}, "create", NEW) == {"name": "a", "size": 3}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "box.name is required"),
        ({"name": None}, "box.name is required"),
        ({"name": "a", "colour": 1}, "box.colour"),
        ({"name": "a", "id": "x"}, "box.id"),
        ({"name": 5}, "box.name"),
        ({"name": "x" * 21}, "box.name"),
        ({"name": ""}, "box.name"),
        ({"name": "a\x00b"}, "control characters"),
        ({"name": "a", "size": 101}, "box.size"),
        ({"name": "a", "size": True}, "box.size"),
        ({"name": "a", "size": "3"}, "box.size"),
        ([], "an object"),
        ("text", "an object"),
    ],
)
def test_a_wrong_body_is_refused_where_it_is_wrong(body: object, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        Box.parse(body, "create", NEW)


def test_an_attribute_is_unknown_before_its_microversion() -> None:
    with pytest.raises(BadRequest, match=r"box\.note"):
        Box.parse({"name": "a", "note": "n"}, "create", OLD)


def test_a_view_shows_what_the_version_and_policy_allow(db: Database) -> None:
    box = db.run(lambda tx: tx.add(Box(name="a")))

    plain = box.view((2, 1), lambda _rule: False)
    full = box.view((2, 5), lambda rule: rule == "see_secrets")

    assert set(plain) == {"id", "name", "size", "created_at"}
    assert full["OS-EXT:secret"] == "s"
    assert full["note"] is None
    assert full["created_at"] == "2030-01-01T00:00:00Z"


def test_ids_repeat_from_a_seed(db: Database) -> None:
    box = db.run(lambda tx: tx.add(Box(name="a")))

    from pileus.core.ids import Ids

    assert box.id == Ids(7).uuid()


def test_a_column_stands_on_the_class_and_a_value_on_the_instance(db: Database) -> None:
    db.run(lambda tx: tx.add(Box(name="a", size=7)))

    found = db.read(lambda tx: tx.one(Box, name="a"))

    assert found is not None
    assert found.size == 7
