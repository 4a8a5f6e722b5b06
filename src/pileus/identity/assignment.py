"""The list of role assignments, as they are given or as they take effect."""

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest
from ..core.resource import Resource
from ..wire.context import Context
from ..wire.route import Route
from . import noun
from .rows import Assignment, Domain, Group, Member, Project, Role, User
from .standing import SYSTEM, ancestors, roles


@dataclass(frozen=True)
class _One:
    """One line of the list. `via` is the group, `prior` the role and `above` the domain or project
    (with its type) that an effective one is by."""

    actor: str
    actor_id: str
    target: str
    target_id: str
    role_id: str
    inherited: bool
    via: str = ""
    prior: str = ""
    above: tuple[str, str] | None = None


@dataclass(frozen=True)
class _Asked:
    """What the query asks for."""

    user: str
    group: str
    role: str
    project: str
    domain: str
    system: bool
    inherited: bool | None  # None: both kinds
    effective: bool
    tree: bool
    names: bool


def _asked(ctx: Context) -> _Asked:
    """The query. Raises BadRequest for what cannot be combined."""
    query = dict(ctx.request.query)
    to = query.get("scope.OS-INHERIT:inherited_to")
    found = _Asked(
        user=query.get("user.id", ""),
        group=query.get("group.id", ""),
        role=query.get("role.id", ""),
        project=query.get("scope.project.id", ""),
        domain=query.get("scope.domain.id", ""),
        system=bool(query.get("scope.system")),
        inherited=None if to is None else to == "projects",
        effective=_flag(ctx, "effective"),
        tree=_flag(ctx, "include_subtree"),
        names=_flag(ctx, "include_names"),
    )
    if found.effective and found.group:
        raise BadRequest("effective lists users, so it cannot be combined with group.id.")
    if found.effective and found.inherited and found.domain:
        raise BadRequest("effective turns what a domain passes on into its projects: name one.")
    if found.user and found.group:
        raise BadRequest("user.id and group.id cannot be combined.")
    if sum((bool(found.project), bool(found.domain), found.system)) > 1:
        raise BadRequest("Only one of scope.project.id, scope.domain.id, scope.system is possible.")
    return found


def _flag(ctx: Context, name: str) -> bool:
    value = ctx.request.get(name)
    return value is not None and value.lower() not in ("false", "0", "no", "off")


def _list(ctx: Context) -> object:
    tx = ctx.tx
    if _flag(ctx, "include_subtree"):
        _allow_tree(ctx)
    else:
        # A domain's token sees its domain's assignments, whatever it asks for: see `_in_domain`.
        ctx.require(
            "identity:list_role_assignments", {"target.domain_id": ctx.who.domain_id or None}
        )
    asked = _asked(ctx)
    if asked.tree and not asked.project:
        raise BadRequest("include_subtree needs scope.project.id.")
    projects = _subtree(tx, asked.project) if asked.tree else [asked.project]
    found = _given(tx, asked, projects)
    if asked.effective:
        found = _effective(tx, found, asked, projects)
    if asked.role:
        found = [one for one in found if one.role_id == asked.role]
    if ctx.who.domain_id:
        found = _in_domain(tx, found, ctx.who.domain_id)
    names = _Names(tx, found) if asked.names else None
    shown = [_shown(ctx, one, names) for one in found]
    return ctx.service.page(ctx, "role_assignments", shown, "")


def _allow_tree(ctx: Context) -> None:
    project = ctx.tx.get(Project, ctx.request.get("scope.project.id") or "")
    domain = {"target.domain_id": project.domain_id} if project else {}
    ctx.require("identity:list_role_assignments_for_tree", noun.target(project) | domain)


def _in_domain(tx: Tx, found: list[_One], domain_id: str) -> list[_One]:
    """Those on the domain and on its projects."""
    inside = {p.id for p in tx.all(Project, domain_id=domain_id)} | {domain_id}
    return [one for one in found if one.target_id in inside]


def _subtree(tx: Tx, project_id: str) -> list[str]:
    found, edge = [project_id], [project_id]
    while edge:
        edge = [p.id for p in tx.all(Project, parent_id=edge)]
        found += edge
    return found


def _given(tx: Tx, asked: _Asked, projects: list[str]) -> list[_One]:
    """The rows that fit the query; with `effective` also those that may lead to a fitting one."""
    where: list[sa.ColumnElement[bool]] = []
    if asked.user:
        actors = [asked.user]
        if asked.effective:
            actors += [m.group_id for m in tx.all(Member, user_id=asked.user)]
        where.append(Assignment.actor_id.in_(actors))
    if asked.group:
        where.append(Assignment.actor_id == asked.group)
    targets: list[str] = []
    if asked.project:
        targets = projects
        if asked.effective:
            targets = [*targets, *ancestors(tx, asked.project)]
    elif asked.domain:
        targets = [asked.domain]
    elif asked.system:
        targets = [SYSTEM]
    if targets:
        where.append(Assignment.target_id.in_(targets))
    if asked.inherited is not None:
        where.append(Assignment.inherited.is_(asked.inherited))
    order = [Assignment.target_id, Assignment.actor_id, Assignment.role_id, Assignment.inherited]
    return [
        _One(a.actor, a.actor_id, a.target, a.target_id, a.role_id, a.inherited)
        for a in tx.all(Assignment, *where, order=order)
    ]


def _effective(tx: Tx, given: list[_One], asked: _Asked, projects: list[str]) -> list[_One]:
    """Groups become their users, inherited grants the projects below, roles what they imply."""
    everything = roles(tx)
    members: dict[str, list[str]] = {}
    for member in tx.all(Member):
        members.setdefault(member.group_id, []).append(member.user_id)
    wanted = set(projects) - {""} | ({asked.domain} if asked.domain else set())
    found: dict[tuple[str, str, str, bool], _One] = {}
    for one in given:
        targets = [one]
        if one.inherited:
            by = (one.target, one.target_id)
            below = [] if asked.domain else _reached(tx, one)
            targets = [replace(one, target="project", target_id=p, above=by) for p in below]
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
                if asked.user and line.actor_id != asked.user:
                    continue
                for role in sorted(
                    everything.reached(line.role_id), key=lambda r: r != line.role_id
                ):
                    prior = "" if role == line.role_id else line.role_id
                    key = (line.actor_id, line.target_id, role, line.inherited)
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
    by, by_id = one.above or (one.target, one.target_id)
    at = "system" if by == "system" else f"{by}s/{by_id}"
    holder = "groups" if one.via else f"{kind}s"
    path = f"/{at}/{holder}/{actor}/roles/{one.prior or one.role_id}"
    path = f"/v3/OS-INHERIT{path}/inherited_to_projects" if one.inherited else f"/v3{path}"
    links = {"assignment": ctx.url(path)}
    if one.via:
        links["membership"] = ctx.url(f"/v3/groups/{one.via}/users/{one.actor_id}")
    if one.prior:
        links["prior_role"] = ctx.url(f"/v3/roles/{one.prior}")
    return {"role": named(one.role_id), kind: named(one.actor_id), "scope": scope, "links": links}


def routes() -> tuple[Route, ...]:
    """The route of the list."""
    return (Route("GET", "/v3/role_assignments", _list),)
