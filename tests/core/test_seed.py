"""A seed gives each process ids of its own, and the same ones to a fresh database."""

from pathlib import Path

from pileus.core import seed
from pileus.core.db import Database
from pileus.core.ids import Ids
from pileus.core.resource import schema


def _process(path: Path) -> str:
    db = Database(f"sqlite:///{path}", ids=Ids(7))
    schema.create_all(db.engine)
    db.run(lambda tx: seed.begin(tx, db.ids, 7))
    found = db.ids.uuid()
    db.close()
    return found


def test_a_second_process_does_not_repeat_the_first(tmp_path: Path) -> None:
    assert _process(tmp_path / "a.db") != _process(tmp_path / "a.db")


def test_a_fresh_database_repeats_the_first_one(tmp_path: Path) -> None:
    assert _process(tmp_path / "a.db") == _process(tmp_path / "b.db")
