"""Projects: made, listed, shown, changed and deleted; where they stand in their tree."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..config import Config
from ..core.db import Tx, chunks
from ..core.errors import BadRequest, Forbidden
from ..wire.context import Context
from ..wire.route import Route
from . import dependents, domain_project, enforcement, noun
from .limit import of_projects as by_project_limits
from .project_tag import by_project, replace, with_tags
from .revision import bump, revoke
from .rows import Domain, Project
from .tokens import Tokens


def shown(ctx: Context, projects: Sequence[Project]) -> list[dict[str, Any]]:
    """The projects as JSON, with their tags."""
    tags = by_project(ctx.tx, [p.id for p in projects])
    found = noun.view(ctx, projects)
    for one in found:
        one.setdefault("tags", tags.get(one["id"], []))
    return found


def _is_domain(ctx: Context) -> bool:
    return (ctx.request.get("is_domain") or "").lower() in ("true", "1")


def _list(ctx: Context) -> object:
    if _is_domain(ctx):
        return domain_project.listed(ctx)
    domain = noun.list_domain(ctx, "identity:list_projects")
    where: list[sa.ColumnElement[bool]] = [Project.domain_id == domain] if domain else []
    where += with_tags(ctx)
    rows, marker = noun.listed(ctx, Project, where)
    return ctx.service.page(ctx, "projects", shown(ctx, rows), marker)


def _show(ctx: Context) -> object:
    row = domain_project.find(ctx, "identity:get_project")
    found = shown(ctx, [row])[0]
    query = _family(ctx)
    if row.is_domain:
        return {"project": found | domain_project.family(ctx, row, query)}
    if "parents_as_list" in query:
        parents = _above(ctx.tx, row)
        found["parents"] = _wrapped(ctx, parents)
    if "parents_as_ids" in query:
        tree: dict[str, Any] | None = None
        for project in reversed(_above(ctx.tx, row)):
            tree = {project.id: tree}
        found["parents"] = {row.domain_id: None} if tree is None else _end(tree, row.domain_id)
    if "subtree_as_list" in query or "subtree_as_ids" in query:
        found["subtree"] = below(ctx, row, "subtree_as_list" in query)
    return {"project": found}


def below(ctx: Context, row: Project, as_list: bool) -> object:
    """The projects below this one, as a list or as a tree of their ids."""
    levels = _below(ctx.tx, row)
    if not as_list:
        return _tree(row.id, levels)
    return _wrapped(ctx, [p for level in levels for p in level])


def _wrapped(ctx: Context, projects: Sequence[Project]) -> list[dict[str, Any]]:
    """A list of relatives, with their limits if those are asked for."""
    found = shown(ctx, projects)
    if "include_limits" in _family(ctx):
        limits = by_project_limits(ctx, [p.id for p in projects])
        for one in found:
            one["limits"] = limits.get(one["id"], [])
    return [{"project": one} for one in found]


def _family(ctx: Context) -> set[str]:
    """Which relatives are to be shown. Raises BadRequest for the same ones in both forms."""
    found = {
        key for key, value in ctx.request.query if value.lower() not in ("false", "0", "no", "off")
    }
    for kin in ("parents", "subtree"):
        if {f"{kin}_as_list", f"{kin}_as_ids"} <= found:
            raise BadRequest(f"{kin}_as_list and {kin}_as_ids cannot be combined.")
    return found


def _end(tree: dict[str, Any], last: str) -> dict[str, Any]:
    return {k: {last: None} if v is None else _end(v, last) for k, v in tree.items()}


def _above(tx: Tx, project: Project) -> list[Project]:
    found: list[Project] = []
    while project.parent_id != project.domain_id:
        project = noun.must(tx, Project, project.parent_id)
        found.append(project)
    return found


def _below(tx: Tx, project: Project) -> list[list[Project]]:
    """The projects below, a list for every level."""
    levels: list[list[Project]] = []
    ids = [project.id]
    while ids:
        level = [
            p for some in chunks(ids) for p in tx.all(Project, parent_id=some, order=[Project.name])
        ]
        if level:
            levels.append(level)
        ids = [p.id for p in level]
    return levels


def _tree(top: str, levels: list[list[Project]]) -> dict[str, Any] | None:
    children: dict[str, list[str]] = {}
    for level in levels:
        for project in level:
            children.setdefault(project.parent_id, []).append(project.id)

    def under(id_: str) -> dict[str, Any] | None:
        return {c: under(c) for c in children[id_]} if id_ in children else None

    return under(top)


def _create(ctx: Context) -> object:
    tx = ctx.tx
    values, free = noun.body(ctx, Project, skip=("tags",), unset=("domain_id", "parent_id"))
    parent_id = values.get("parent_id")
    parent = tx.get(Project, parent_id) if parent_id else None
    if values.get("is_domain"):
        return domain_project.create(ctx, values, free)
    domain_id = values.get("domain_id") or (parent.domain_id if parent else parent_id)
    domain_id = noun.domain_of(ctx, domain_id)
    ctx.require("identity:create_project", {"target.project.domain_id": domain_id})
    values.pop("is_domain", None)
    if tx.get(Domain, domain_id) is None:
        raise BadRequest(f"project.domain_id: there is no domain {domain_id!r}.")
    if parent is not None:
        if parent.domain_id != domain_id:
            raise BadRequest("project.parent_id: a project and its parent share one domain.")
        if not parent.enabled:
            raise Forbidden("The parent project is disabled.")
        deepest = enforcement.depth(ctx.parts[Config].limit_model)
        if len(_above(tx, parent)) + 2 > deepest:
            raise Forbidden(f"A project can stand at most {deepest} levels below its domain.")
    elif parent_id and parent_id != domain_id:
        raise BadRequest(f"project.parent_id: there is no project {parent_id!r}.")
    noun.taken(tx, Project, values["name"], Project.domain_id == domain_id)
    fixed = {"domain_id": domain_id, "parent_id": parent_id or domain_id}
    row = tx.add(Project(**(values | fixed), extra=free))
    given = ctx.inner("project")
    if "tags" in given:
        replace(tx, row.id, given["tags"], ctx.where.at("project").at("tags"))
    return {"project": shown(ctx, [row])[0]}


def _update(ctx: Context) -> object:
    tx = ctx.tx
    row = domain_project.find(ctx, "identity:update_project")
    values, free = noun.body(ctx, Project, row, skip=("tags",))
    if row.is_domain:
        return domain_project.update(ctx, row, values, free)
    noun.mutable(row, values | free | ({"tags": 0} if "tags" in ctx.inner("project") else {}))
    noun.options(row, values)
    if "name" in values:
        noun.taken(tx, Project, values["name"], Project.domain_id == row.domain_id, but=row.id)
    enabled = values.get("enabled")
    if enabled and any(not p.enabled for p in _above(tx, row)):
        raise Forbidden("A project above this one is disabled: enable that one first.")
    if enabled is False and any(p.enabled for level in _below(tx, row) for p in level):
        raise Forbidden("A project below this one is enabled: disable that one first.")
    tx.change(row, extra=row.extra | free, **values)
    given = ctx.inner("project")
    if "tags" in given:
        replace(tx, row.id, given["tags"], ctx.where.at("project").at("tags"))
    if enabled is False:
        revoke(tx, ctx.parts[Tokens].hours, f"project:{row.id}")
    else:
        bump(tx)  # tokens show the project's name
    return {"project": shown(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    tx = ctx.tx
    row = domain_project.find(ctx, "identity:delete_project")
    if row.is_domain:
        domain_project.delete(ctx, row)
        return
    noun.mutable(row)
    if tx.exists(Project, parent_id=row.id):
        raise Forbidden("There are projects below this one: delete them first.")
    drop(tx, row, ctx.parts[Tokens].hours)


def drop(tx: Tx, project: Project, hours: float) -> None:
    """Delete a project and all that identity holds for it; `hours`: how long tokens live."""
    dependents.of_project(tx, project)
    tx.remove(project)
    revoke(tx, hours, f"project:{project.id}")


def routes() -> tuple[Route, ...]:
    """The routes of projects."""
    one = "/v3/projects/{project_id}"
    return (
        Route("GET", "/v3/projects", _list),
        Route("POST", "/v3/projects", _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
