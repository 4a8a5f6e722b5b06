"""How limits of a tree of projects go together: the two models of enforcement."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import Forbidden
from .registered_limit import RegisteredLimit
from .rows import Project

if TYPE_CHECKING:
    from .limit import Limit

FLAT, STRICT = "flat", "strict_two_level"
MODELS: Mapping[str, str] = {
    FLAT: "A limit is its project's alone: no other project's limit or usage counts.",
    STRICT: "Projects stand right below their domain, and none may have more than the domain.",
}


def check(tx: Tx, model: str, limit: "Limit") -> None:
    """Raises Forbidden for a limit (written already) that the model does not allow.

    -1, without end, is more than any number.
    """
    if model != STRICT:
        return
    if limit.project_id is not None:
        domain = tx.get(Project, limit.project_id)
        above = None if domain is None else _of_domain(tx, limit, domain.domain_id)
        if above is not None and _size(limit.resource_limit) > _size(above):
            raise Forbidden(
                f"The limit {limit.resource_limit} of {limit.resource_name} is above {above},"
                " which is the domain's."
            )
        return
    for below in _inside(tx, limit):
        if _size(below.resource_limit) > _size(limit.resource_limit):
            raise Forbidden(
                f"The limit {limit.resource_limit} of {limit.resource_name} is below"
                f" {below.resource_limit}, which is that of project {below.project_id}."
            )


def depth(model: str) -> int:
    """How many levels of projects a domain may have below it."""
    return 1 if model == STRICT else 5


def _size(value: int) -> float:
    return float("inf") if value < 0 else value


def _of_domain(tx: Tx, limit: "Limit", domain_id: str) -> int | None:
    own = tx.one(type(limit), holder=domain_id, place=limit.place)
    if own is not None:
        return own.resource_limit
    registered = tx.one(RegisteredLimit, place=limit.place)
    return registered.default_limit if registered is not None else None


def _inside(tx: Tx, limit: "Limit") -> list["Limit"]:
    cls = type(limit)
    inside = sa.select(Project.id).where(Project.domain_id == limit.domain_id)
    return tx.all(cls, cls.table.c.place == limit.place, cls.table.c.project_id.in_(inside))
