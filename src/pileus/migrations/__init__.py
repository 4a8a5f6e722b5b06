"""Alembic migrations: expand and contract, so that versions N and N+1 can serve together.

Every migration says its phase. "expand" only adds what an older process does not mind, and is
applied as soon as a newer process starts. "contract" takes away what only older processes use, and
waits until none of them is alive.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..core.census import Place, living, register
from ..core.db import Database, Tx
from ..core.postgres import collate

EXPAND, CONTRACT = "expand", "contract"


class WrongSchema(Exception):
    """This version cannot serve the database; the message says which can."""


@dataclass(frozen=True)
class Migration:
    """One migration of this version."""

    id: str
    phase: str


def chain() -> list[Migration]:
    """This version's migrations, oldest first. Raises ValueError for one without a phase."""
    from alembic.script import ScriptDirectory

    scripts = list(ScriptDirectory(str(Path(__file__).parent)).walk_revisions())
    found = [Migration(s.revision, getattr(s.module, "phase", "")) for s in reversed(scripts)]
    for one in found:
        if one.phase not in (EXPAND, CONTRACT):
            raise ValueError(f"BUG: migration {one.id} says no phase")
    return found


def known() -> set[str]:
    """The ids of this version's migrations."""
    return {one.id for one in chain()}


def check(db: Database) -> None:
    """Raises WrongSchema when the database is of a newer version than this one."""
    with db.engine.connect() as connection:
        _rest(connection, chain())


def upgrade(db: Database, place: Place | None = None) -> list[str]:
    """Bring the database to this version's tables; the contract migrations that have to wait.

    Of several processes one does, others wait. All of it is one transaction: a process that dies
    in it has changed nothing.

    place: the process that starts, which is registered in that transaction, so that nobody takes
        away meanwhile what it needs. Raises WrongSchema.
    """
    every = chain()
    with db.alone("migrations"), _transaction(db) as connection:
        rest = _rest(connection, every)
        now, waiting = _divide(db, connection, every, rest, place)
        if now:
            _apply(connection, now[-1].id)
        if not db.sqlite and now:
            collate(connection)
        if place is not None:
            register(Tx(connection, db, write=True), place)
    return [one.id for one in waiting]


def _rest(connection: sa.Connection, every: Sequence[Migration]) -> list[Migration]:
    """What has not been applied yet."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return list(every)
    current = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    ids = [one.id for one in every]
    if current is None:
        return list(every)
    if current not in ids:
        raise WrongSchema(
            f"The database is of a newer version of Pileus (schema {current}; this version knows"
            f" schemas up to {ids[-1]}). Start it with that version or a newer one; or restore a"
            " backup that this version made."
        )
    return list(every[ids.index(current) + 1 :])


def _divide(
    db: Database,
    connection: sa.Connection,
    every: Sequence[Migration],
    rest: list[Migration],
    place: Place | None,
) -> tuple[list[Migration], list[Migration]]:
    """What may be applied now, and what has to wait for older processes to end."""
    ids = [one.id for one in every]
    alive = []
    if sa.inspect(connection).has_table("processes"):
        own = None if place is None else place.id
        alive = [p for p in living(Tx(connection, db, write=False)) if p.id != own]
    for at, one in enumerate(rest):
        older = [p for p in alive if p.head in ids and ids.index(p.head) < ids.index(one.id)]
        if one.phase == CONTRACT and older:
            if any(later.phase == EXPAND for later in rest[at:]):
                names = ", ".join(sorted({f"{p.version} on {p.machine}" for p in older}))
                raise WrongSchema(
                    f"Processes of a version that is too old still serve this database ({names}):"
                    " upgrade one version at a time, or stop them first."
                )
            return rest[:at], rest[at:]
    return rest, []


def _apply(connection: sa.Connection, target: str) -> None:
    from alembic import command
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["connection"] = connection
    command.upgrade(settings, target)


@contextmanager
def _transaction(db: Database) -> Iterator[Any]:
    with db.engine.connect() as connection:
        if not db.sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection
            connection.commit()
            return
        # A table that is made anew is dropped in between: no row that refers to it may mind.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RuntimeError(f"BUG: a migration broke references: {broken[:5]}")
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.rollback()
