"""PostgreSQL: a copy is an archive of pg_dump's, of the snapshot that is counted here."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from .copy import SCHEMA, SETTLE, STORED, Copy
from .manifest import BadBackup

_COMMON = ("--no-owner", "--no-privileges")
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


def copy(url: str, target: Path) -> Copy:
    """Dump what one transaction sees; nobody waits for it. Raises BadBackup."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, isolation_level="REPEATABLE READ", hide_parameters=True)
    try:
        with engine.connect() as conn:
            snapshot = conn.exec_driver_sql("SELECT pg_export_snapshot()").scalar()
            tables = [name for (name,) in conn.exec_driver_sql(_TABLES)]
            count = "SELECT count(*) FROM "
            known = Copy(
                str(conn.exec_driver_sql(SCHEMA).scalar()),
                {name: conn.exec_driver_sql(f'{count}"{name}"').scalar_one() for name in tables},
                tuple(str(row[0]) for row in conn.exec_driver_sql(STORED)),
            )
            words = ("--format=custom", f"--snapshot={snapshot}", f"--file={target}")
            _run("pg_dump", url, *_COMMON, *words)
    except sa.exc.SQLAlchemyError as wrong:
        raise BadBackup(f"the database cannot be read: {_said(wrong)}") from None
    finally:
        engine.dispose()
    return known


def put(made: Path, _state: Path, url: str) -> str:
    """Fill the empty database at `url`, all of it or nothing. Raises BadBackup."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, hide_parameters=True)
    try:
        with engine.connect() as conn:
            if conn.exec_driver_sql(_TABLES).first() is not None:
                raise BadBackup(
                    "its database is not empty: name an empty one with --database"
                    " postgresql+psycopg://USER:PASSWORD@HOST/NAME."
                )
        _run("pg_restore", url, *_COMMON, "--single-transaction", "--exit-on-error", str(made))
        with engine.begin() as conn:
            for statement in SETTLE:
                conn.exec_driver_sql(statement)
    except sa.exc.SQLAlchemyError as wrong:
        raise BadBackup(f"its database cannot be used: {_said(wrong)}") from None
    finally:
        engine.dispose()
    made.unlink()
    return url


def _said(wrong: Any) -> str:
    return str(getattr(wrong, "orig", wrong)).strip().splitlines()[0]


def _run(program: str, url: str, *words: str) -> None:
    """Run one of PostgreSQL's programs; the password is not among its words."""
    from sqlalchemy.engine import make_url

    if shutil.which(program) is None:
        raise BadBackup(f"{program} is missing: apt-get install postgresql-client.")
    found = make_url(url)
    named = {
        "PGHOST": found.host or found.query.get("host"),
        "PGPORT": str(found.port) if found.port else None,
        "PGUSER": found.username,
        "PGPASSWORD": found.password,
        "PGDATABASE": found.database,
    }
    environment = os.environ | {key: str(value) for key, value in named.items() if value}
    # The file is restored through a database that is named; dumps name theirs alone.
    where = ("--dbname", str(found.database)) if program == "pg_restore" else ()
    done = subprocess.run(
        [program, "--no-password", *where, *words],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BadBackup(f"{program}: {done.stderr.strip()[-500:]}")
