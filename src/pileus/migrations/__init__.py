"""Alembic migrations: expand and contract, so that versions N and N+1 can serve together."""

from pathlib import Path

from ..core.db import Database


def upgrade(db: Database) -> None:
    """Bring the database to this version's tables."""
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    with db.engine.connect() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")
        connection.commit()
