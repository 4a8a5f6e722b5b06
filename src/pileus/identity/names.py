"""What other services ask: does a project exist, and what are these users and projects called."""

from collections.abc import Iterable

import sqlalchemy as sa

from ..core.db import Tx, chunks
from ..core.resource import Resource
from .rows import Project, User


def project_exists(tx: Tx, project_id: str) -> bool:
    """Whether there is such a project."""
    return tx.exists(Project, id=project_id)


def user_names(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """The names of these users, by id; those that are gone are left out."""
    return _names(tx, User, ids)


def project_names(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """The names of these projects, by id; those that are gone are left out."""
    return _names(tx, Project, ids)


def _names(tx: Tx, cls: type[Resource], ids: Iterable[str]) -> dict[str, str]:
    id_, name = cls.table.c.id, cls.table.c.name
    found: dict[str, str] = {}
    for some in chunks(ids):
        for row in tx.execute(sa.select(id_, name).where(id_.in_(some))).mappings():
            found[row["id"]] = row["name"]
    return found
