"""The migrations make exactly the tables that the code declares, and let two versions serve."""

import tomllib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pileus import app, migrations
from pileus.core.db import Database
from pileus.migrations.expanding import violations
from pileus.version import VERSION

ROOT = Path(__file__).parents[2]
VERSIONS = sorted((ROOT / "src/pileus/migrations/versions").glob("[0-9]*.py"))


def test_a_migrated_database_has_the_declared_tables(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'new.db'}")

    migrations.upgrade(db)

    with db.engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), app.schema)
    db.close()
    # Other tests declare tables of their own in the same process.
    assert [c for c in found if "'boxes'" not in repr(c) and "'things'" not in repr(c)] == []


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'newer.db'}")
    migrations.upgrade(db)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(migrations.WrongSchema, match="of a newer version of Pileus"):
        migrations.upgrade(db)

    db.close()


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
def test_an_expand_migration_takes_nothing_away(file: Path) -> None:
    assert violations(file.read_text()) == []


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ('op.drop_column("servers", "name")', "drops a column"),
        ('op.drop_table("servers")', "drops a table"),
        ('op.rename_table("servers", "guests")', "renames a table"),
        ('op.alter_column("servers", "name", new_column_name="title")', "renames a column"),
        ('op.alter_column("servers", "name", type_=sa.Text())', "changes a column's type"),
        ('op.alter_column("servers", "name", nullable=False)', "NOT NULL"),
        ('op.alter_column("servers", "name", server_default=None)', "takes a default away"),
        ('op.add_column("servers", sa.Column("x", sa.Text(), nullable=False))', "NOT NULL column"),
        ('op.create_unique_constraint("u", "servers", ["name"])', "older processes may write"),
        ('op.create_index("i", "servers", ["name"], unique=True)', "older processes may write"),
        ('op.execute("ALTER TABLE servers DROP COLUMN name")', "takes something away"),
        ('op.execute(sa.text("alter table a rename to b"))', "takes something away"),
    ],
)
def test_an_expand_migration_that_takes_away_is_refused(statement: str, why: str) -> None:
    body = f"def upgrade():\n    {statement}\n"
    batch = (
        "def upgrade():\n    with op.batch_alter_table('servers') as op:\n"
        f"        {statement.replace(chr(34) + 'servers' + chr(34) + ', ', '')}\n"
    )

    assert why in " ".join(violations(f'phase = "expand"\n{body}'))
    assert violations(f'phase = "contract"\n{body}') == []
    if "column" in statement and "execute" not in statement:
        assert why in " ".join(violations(f'phase = "expand"\n{batch}'))


def test_an_expand_migration_may_add() -> None:
    adding = """phase = "expand"
def upgrade():
    op.create_table("new", sa.Column("id", sa.Text(), nullable=False))
    op.create_index("i", "new", ["id"], unique=True)
    op.add_column("servers", sa.Column("x", sa.Text(), nullable=True))
    op.add_column("servers", sa.Column("y", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE servers SET x = name")


def downgrade():
    op.drop_table("new")
"""

    assert violations(adding) == []


def test_a_migration_without_a_phase_is_refused() -> None:
    assert "does not say" in violations("def upgrade():\n    pass\n")[0]


def test_the_package_and_its_project_say_the_same_version() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
