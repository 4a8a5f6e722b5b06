"""The list of role assignments, as they are given or as they take effect."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest
from ..core.resource import Resource
from ..wire.context import Context
from ..wire.route import Route
from .rows import Assignment, Domain, Group, Member, Project, Role, User
from .standing import SYSTEM, ancestors, roles


@dataclass(frozen=True)
class _One:
    """One line of the list. `via` is the group and `prior` the role that an effective one is by."""

    actor: str
    actor_id: str
    target: str
    target_id: str
    role_id: str
    inherited: bool
    via: str = ""
    prior: str = ""


def _flag(ctx: Context, name: str) -> bool:
    value = ctx.request.get(name)
    return value is not None and value.lower() not in ("false", "0", "no", "off")


def _list(ctx: Context) -> object:
    query = dict(ctx.request.query)
    project = query.get("scope.project.id", "")
    tree = _flag(ctx, "include_subtree")
    _allow(ctx, project, tree)
    effective = _flag(ctx, "effective")
    if effective and "group.id" in query:
        raise BadRequest("effective lists users, so it cannot be combined with group.id.")
    if "user.id" in query and "group.id" in query:
        raise BadRequest("user.id and group.id cannot be combined.")
    if sum(bool(query.get(k)) for k in ("scope.project.id", "scope.domain.id", "scope.system")) > 1:
        raise BadRequest("Only one of scope.project.id, scope.domain.id, scope.system is possible.")
    found = _given(ctx, query, effective, project, tree)
    if effective:
        found = _effective(ctx.tx, found, query, _subtree(ctx.tx, project) if tree else [project])
    if role := query.get("role.id"):
        found = [one for one in found if one.role_id == role]
    names = _Names(ctx.tx, found) if _flag(ctx, "include_names") else None
    shown = [_shown(ctx, one, names) for one in found]
    return ctx.service.page(ctx, "role_assignments", shown, "")


def _allow(ctx: Context, project_id: str, tree: bool) -> None:
    project = ctx.tx.get(Project, project_id) if project_id else None
    if tree:
        if not project_id:
            raise BadRequest("include_subtree needs scope.project.id.")
        where = {
            "target.project.id": project_id,
            "target.project.domain_id": project.domain_id if project else None,
        }
        ctx.require("identity:list_role_assignments_for_tree", where)
        return
    domain = ctx.request.get("scope.domain.id") or (project.domain_id if project else None)
    domain = domain or ctx.who.domain_id or None
    if ctx.allows("identity:list_role_assignments", {"target.domain_id": domain}):
        return
    # Everybody may read the list of their own roles.
    ctx.require("identity:list_role_assignments", {"target.domain_id": None})


def _subtree(tx: Tx, project_id: str) -> list[str]:
    found, edge = [project_id], [project_id]
    while edge:
        edge = [p.id for p in tx.all(Project, parent_id=edge)]
        found += edge
    return found


def _given(
    ctx: Context, query: dict[str, str], effective: bool, project: str, tree: bool
) -> list[_One]:
    """The rows that fit the query; with `effective` also those that may lead to a fitting one."""
    tx = ctx.tx
    where: list[sa.ColumnElement[bool]] = []
    user, group = query.get("user.id"), query.get("group.id")
    if user:
        actors = [user]
        if effective:
            actors += [m.group_id for m in tx.all(Member, user_id=user)]
        where.append(Assignment.actor_id.in_(actors))
    if group:
        where.append(Assignment.actor_id == group)
    targets: list[str] = []
    if project:
        targets = _subtree(tx, project) if tree else [project]
        if effective:
            targets = [*targets, *ancestors(tx, project)]
    elif domain := query.get("scope.domain.id"):
        targets = [domain]
    elif query.get("scope.system"):
        targets = [SYSTEM]
    if targets:
        where.append(Assignment.target_id.in_(targets))
    if "scope.OS-INHERIT:inherited_to" in query and not effective:
        where.append(Assignment.inherited.is_(True))
    if not targets and ctx.who.domain_id and "admin" not in ctx.who.roles:
        # A domain's reader sees what is given on the domain and in its projects.
        inside = sa.select(Project.id).where(Project.domain_id == ctx.who.domain_id)
        own = Assignment.target_id == ctx.who.domain_id
        where.append(sa.or_(own, Assignment.target_id.in_(inside)))
    order = [Assignment.target_id, Assignment.actor_id, Assignment.role_id, Assignment.inherited]
    return [
        _One(a.actor, a.actor_id, a.target, a.target_id, a.role_id, a.inherited)
        for a in tx.all(Assignment, *where, order=order)
    ]


def _effective(tx: Tx, given: list[_One], query: dict[str, str], projects: list[str]) -> list[_One]:
    """Groups become their users, inherited grants the projects below, roles what they imply."""
    everything = roles(tx)
    members: dict[str, list[str]] = {}
    for member in tx.all(Member):
        members.setdefault(member.group_id, []).append(member.user_id)
    wanted = set(projects) - {""}
    found: dict[tuple[str, str, str], _One] = {}
    for one in given:
        targets = [one]
        if one.inherited:
            below = _reached(tx, one)
            targets = [replace(one, target="project", target_id=p) for p in below]
        for at in targets:
            if wanted and at.target_id not in wanted:
                continue
            users = [at]
            if at.actor == "group":
                users = [
                    replace(at, actor="user", actor_id=u, via=at.actor_id)
                    for u in members.get(at.actor_id, [])
                ]
            for line in users:
                if query.get("user.id", line.actor_id) != line.actor_id:
                    continue
                for role in sorted(
                    everything.reached(line.role_id), key=lambda r: r != line.role_id
                ):
                    prior = "" if role == line.role_id else line.role_id
                    key = (line.actor_id, line.target_id, role)
                    found.setdefault(key, replace(line, role_id=role, prior=prior))
    return list(found.values())


def _reached(tx: Tx, one: _One) -> list[str]:
    if one.target == "domain":
        return [p.id for p in tx.all(Project, domain_id=one.target_id)]
    return _subtree(tx, one.target_id)[1:]


class _Names:
    """The names of all that a list mentions, in one query a type."""

    def __init__(self, tx: Tx, found: list[_One]) -> None:
        self._rows: dict[str, Any] = {}
        self._domains = {d.id: d.name for d in tx.all(Domain)}
        wanted: dict[type[Resource], set[str]] = {
            User: {o.actor_id for o in found if o.actor == "user"},
            Group: {o.actor_id for o in found if o.actor == "group"},
            Project: {o.target_id for o in found if o.target == "project"},
            Role: {o.role_id for o in found},
        }
        for cls, ids in wanted.items():
            column = cls.table.c.id
            rows = tx.all(cls) if len(ids) > 500 else tx.all(cls, column.in_(ids))
            self._rows |= {vars(row)["id"]: row for row in rows}

    def of(self, key: str) -> dict[str, Any]:
        """What stands beside an id: its name and its domain's id and name."""
        if key in self._domains:
            return {"name": self._domains[key]}
        row = self._rows.get(key)
        if row is None:
            return {}
        if row.domain_id is None:
            return {"name": row.name}
        domain = {"id": row.domain_id, "name": self._domains.get(row.domain_id, "")}
        return {"name": row.name, "domain": domain}


def _shown(ctx: Context, one: _One, names: _Names | None) -> dict[str, Any]:
    def named(key: str) -> dict[str, Any]:
        return {"id": key} | (names.of(key) if names else {})

    scope: dict[str, Any] = {one.target: named(one.target_id)}
    if one.target == "system":
        scope = {"system": {"all": True}}
    if one.inherited:
        scope["OS-INHERIT:inherited_to"] = "projects"
    kind, actor = one.actor, one.via or one.actor_id
    at = "system" if one.target == "system" else f"{one.target}s/{one.target_id}"
    holder = "groups" if one.via else f"{kind}s"
    path = f"/v3/{at}/{holder}/{actor}/roles/{one.prior or one.role_id}"
    links = {"assignment": ctx.url(path)}
    if one.via:
        links["membership"] = ctx.url(f"/v3/groups/{one.via}/users/{one.actor_id}")
    if one.prior:
        links["prior_role"] = ctx.url(f"/v3/roles/{one.prior}")
    return {"role": named(one.role_id), kind: named(one.actor_id), "scope": scope, "links": links}


def routes() -> tuple[Route, ...]:
    """The route of the list."""
    return (Route("GET", "/v3/role_assignments", _list),)
