"""Projects and roles that a mapping gives to a user at the login, made where they are missing."""

from collections.abc import Sequence
from typing import Any

from ...core.db import Tx
from ...core.errors import BadRequest, Unauthorized
from ...core.types import Where
from ..grant import grant
from ..revision import bump
from ..rows import Assignment, Project, Role, User
from .domain import domain_id


def projects(tx: Tx, user: User, usual_domain: str, wanted: Sequence[dict[str, Any]]) -> None:
    """Give the user these roles on these projects. Raises Unauthorized, before anything is made.

    Grants that a later mapping does not give any more are kept, as with upstream's schemas 1 and 2.
    """
    if not wanted:
        return
    names = {role["name"] for project in wanted for role in project["roles"]}
    roles = _roles(tx, names, user.domain_id)
    held = {(a.target_id, a.role_id) for a in tx.all(Assignment, actor_id=user.id, inherited=False)}
    made = False
    for project in wanted:
        domain = domain_id(tx, project.get("domain"), usual_domain)
        if domain is None:
            raise Unauthorized("The mapping puts a project into a domain that there is not.")
        target = _project(tx, project["name"], domain)
        for role in project["roles"]:
            pair = (target, roles[role["name"]])
            if pair not in held:
                grant(tx, "user", user.id, "project", *pair)
                held.add(pair)
                made = True
    if made:
        bump(tx)


def _roles(tx: Tx, names: set[str], own_domain: str) -> dict[str, str]:
    """The ids of roles by name: global ones, or the domain's own. Raises Unauthorized."""
    found = {}
    for role in tx.all(Role, name=list(names), scope=["", own_domain]):
        if role.name not in found or not role.domain_id:
            found[role.name] = role.id
    missing = sorted(names - found.keys())
    if missing:
        raise Unauthorized(f"The mapping gives the role {missing[0][:64]!r}, and there is none.")
    return found


def _project(tx: Tx, name: str, domain_id: str) -> str:
    found = tx.one(Project, domain_id=domain_id, name=name)
    if found is not None:
        return found.id
    try:
        Project.attrs["name"].type.parse(name, Where("project.name"))
    except BadRequest as wrong:
        raise Unauthorized(f"The mapping makes a project that cannot be: {wrong.message}") from None
    made = Project(name=name, domain_id=domain_id, parent_id=domain_id)
    return tx.add(made).id
