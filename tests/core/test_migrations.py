"""The migrations make exactly the tables that the code declares."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pileus import app, migrations
from pileus.core.db import Database


def test_a_migrated_database_has_the_declared_tables(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'new.db'}")

    migrations.upgrade(db)

    with db.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), app.schema)
    declared = {name for name in app.schema.tables if name not in ("boxes", "things")}
    wrong = [change for change in found if _table(change) in declared]
    db.close()
    assert wrong == []


def _table(change: object) -> str:
    """The table of one of Alembic's differences, whatever its form."""
    first = change[0] if isinstance(change, list) else change
    if not isinstance(first, tuple):
        return ""
    last = first[-1]
    return str(getattr(getattr(last, "table", last), "name", first[2]))
