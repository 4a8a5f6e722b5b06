"""What a token means now: the user, what it is for, and the roles, as the rows say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from .federation.rows import ExpiringMember
from .payload import Scope
from .rows import Assignment, Domain, Implication, Member, Project, Role, User

SYSTEM = "system"


@dataclass(frozen=True)
class Named:
    """An id and a name, and the same of its domain."""

    id: str
    name: str
    domain_id: str = ""
    domain_name: str = ""


@dataclass(frozen=True)
class Person(Named):
    """A user who may log in."""

    password_expires_at: datetime | None = None
    default_project_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Roles:
    """All roles, and what each implies in the end, itself included.

    A role of one domain (`specific`) only stands for what it implies: no token carries it.
    """

    names: Mapping[str, str]
    implied: Mapping[str, frozenset[str]]
    specific: frozenset[str]

    def reached(self, role: str) -> frozenset[str]:
        """What a grant of this role gives in the end."""
        return self.implied.get(role, frozenset()) - self.specific

    def closure(self, ids: Collection[str]) -> dict[str, str]:
        """The names of these roles and of all that they imply, by id."""
        found: dict[str, str] = {}
        for role in ids:
            for one in self.reached(role):
                found[one] = self.names[one]
        return found


def roles(tx: Tx) -> Roles:
    """Read all roles and implications."""
    every = tx.all(Role)
    names = {r.id: r.name for r in every}
    direct: dict[str, set[str]] = {role: set() for role in names}
    for one in tx.all(Implication):
        direct[one.prior_role_id].add(one.implied_role_id)
    implied = {}
    for role in names:
        reached, todo = {role}, [role]
        while todo:
            fresh = direct[todo.pop()] - reached
            reached |= fresh
            todo += fresh
        implied[role] = frozenset(reached)
    return Roles(names, implied, frozenset(r.id for r in every if r.domain_id))


_user = User.table.join(Domain.table, User.domain_id == Domain.id)
_USER = (
    sa.select(
        User.id,
        User.name,
        Domain.id.label("d"),
        Domain.name.label("n"),
        User.password_expires_at,
        User.default_project_id,
        User.options,
    )
    .select_from(_user)
    .where(User.id == sa.bindparam("id"), User.enabled.is_(True), Domain.enabled.is_(True))
)
_project = Project.table.join(Domain.table, Project.domain_id == Domain.id)
_PROJECT = (
    sa.select(
        Project.id, Project.name, Domain.id.label("d"), Domain.name.label("n"), Project.parent_id
    )
    .select_from(_project)
    .where(Project.id == sa.bindparam("id"), Project.enabled.is_(True), Domain.enabled.is_(True))
)
_actors = sa.or_(
    Assignment.actor_id == sa.bindparam("user"),
    Assignment.actor_id.in_(
        sa.select(Member.group_id).where(Member.user_id == sa.bindparam("user"))
    ),
    Assignment.actor_id.in_(
        sa.select(ExpiringMember.group_id).where(
            ExpiringMember.user_id == sa.bindparam("user"),
            ExpiringMember.expires_at > sa.bindparam("now"),
        )
    ),
    Assignment.actor_id.in_(sa.bindparam("groups", expanding=True)),
)
_HELD = sa.select(Assignment.role_id).where(
    _actors,
    sa.or_(
        sa.and_(Assignment.target_id == sa.bindparam("target"), Assignment.inherited.is_(False)),
        sa.and_(
            Assignment.target_id.in_(sa.bindparam("above", expanding=True)),
            Assignment.inherited.is_(True),
        ),
    ),
)


def user(tx: Tx, user_id: str) -> Person | None:
    """The user, when it and its domain are enabled."""
    row = tx.conn.execute(_USER, {"id": user_id}).first()
    return None if row is None else Person(*row)


def target(tx: Tx, scope: Scope) -> Named | None:
    """The project or domain of a scope, when it and its domain are enabled."""
    if scope.kind == "project":
        row = tx.conn.execute(_PROJECT, {"id": scope.id}).first()
        return None if row is None else Named(row[0], row[1], row[2], row[3])
    if scope.kind == "domain":
        domain = tx.get(Domain, scope.id)
        return Named(domain.id, domain.name) if domain is not None and domain.enabled else None
    return Named(SYSTEM, SYSTEM)


def held(tx: Tx, user_id: str, scope: Scope, groups: Collection[str] = ()) -> set[str]:
    """The ids of the roles that are assigned to the user there, implied ones not included.

    groups: the user is in these, too, though no row says so.
    """
    where = SYSTEM if scope.kind == "system" else scope.id
    above = ancestors(tx, scope.id) if scope.kind == "project" else []
    given: dict[str, object] = {"user": user_id, "target": where, "above": above}
    given |= {"groups": list(groups), "now": tx.now}
    found = tx.conn.execute(_HELD, given)
    return {row[0] for row in found}


def groups_of(tx: Tx, user_id: str) -> list[str]:
    """The ids of the groups that the user is in now, expiring memberships included."""
    lasting = [m.group_id for m in tx.all(Member, user_id=user_id)]
    now = ExpiringMember.expires_at > tx.now
    expiring = [m.group_id for m in tx.all(ExpiringMember, now, user_id=user_id)]
    return list(dict.fromkeys([*lasting, *expiring]))


_PARENT = sa.select(Project.parent_id, Project.domain_id).where(Project.id == sa.bindparam("id"))


def ancestors(tx: Tx, project_id: str) -> list[str]:
    """The ids above a project: its parents, the nearest first, and last its domain."""
    found: list[str] = []
    row = tx.conn.execute(_PARENT, {"id": project_id}).first()
    while row is not None and row[0] != row[1] and row[0] not in found:
        found.append(row[0])
        row = tx.conn.execute(_PARENT, {"id": row[0]}).first()
    if row is not None:
        found.append(row[1])
    return found
