"""SQLite: a copy is a database file of its own."""

import sqlite3
from contextlib import closing
from pathlib import Path

from .copy import SCHEMA, SETTLE, STORED, Copy
from .manifest import BadBackup

_PATIENCE = 60.0  # seconds that the copy waits for a writer


def copy(url: str, target: Path) -> Copy:
    """VACUUM INTO reads one snapshot; nobody who writes waits for it. Raises BadBackup."""
    from sqlalchemy.engine import make_url

    file = make_url(url).database
    if not file or not Path(file).exists():
        raise BadBackup(f"there is no database at {file}: has this cloud ever been up?")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=_PATIENCE)) as source:
        source.execute("VACUUM INTO ?", (str(target),))
    with closing(sqlite3.connect(target, isolation_level=None)) as made:
        tables = [
            name
            for (name,) in made.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        for statement in SETTLE:
            made.execute(statement)
        count = "SELECT count(*) FROM "
        return Copy(
            made.execute(SCHEMA).fetchone()[0],
            {name: made.execute(f'{count}"{name}"').fetchone()[0] for name in tables},
            tuple(row[0] for row in made.execute(STORED)),
        )


def put(made: Path, state: Path, url: str) -> str:
    """The copy becomes the state directory's own database. Raises BadBackup for another URL."""
    if url and not url.startswith("sqlite"):
        raise BadBackup("its database is SQLite and goes into the state directory: no --database.")
    made.rename(state / "pileus.db")
    return ""
