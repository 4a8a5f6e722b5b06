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
    db.close()
    # Other tests declare tables of their own in the same process.
    assert [c for c in found if "'boxes'" not in repr(c) and "'things'" not in repr(c)] == []
