"""A domain as the project that it also is: one with `is_domain`, at the top of its tree.

The row is the domain's. Roles on it are the domain's roles, and tokens for it are the domain's.
"""

from collections.abc import Collection
from typing import Any

from ..core.errors import BadRequest
from ..wire.context import Context
from . import noun
from .rows import Domain, Project


def as_project(domain: Domain) -> Project:
    """The domain in a project's form."""
    found = Project(
        id=domain.id,
        name=domain.name,
        description=domain.description,
        enabled=domain.enabled,
        options=domain.options,
        is_domain=True,
        extra=dict(domain.extra) | {"tags": domain.tags},
    )
    # Not for a row: a project's own row always has both.
    found.__dict__ |= {"domain_id": None, "parent_id": None}
    return found


def find(ctx: Context, rule: str) -> Project:
    """The project of the path, or the domain that is one. Raises Forbidden, NotFound."""
    key = ctx.params["project_id"]
    found = ctx.tx.get(Project, key)
    if found is None:
        domain = ctx.tx.get(Domain, key)
        found = None if domain is None else as_project(domain)
    ctx.require(rule, noun.target(found))
    if found is None:
        raise noun.absent(Project, key)
    return found


def listed(ctx: Context) -> object:
    """The domains, as a list of projects; a domain's token sees none of them so."""
    from .project import shown

    noun.list_domain(ctx, "identity:list_projects")
    inside = ctx.who.domain_id or ctx.request.get("domain_id") or ctx.request.get("parent_id")
    rows, marker = noun.listed(ctx, Domain)
    found = [] if inside else shown(ctx, [as_project(row) for row in rows])
    return ctx.service.page(ctx, "projects", found, marker)


def family(ctx: Context, row: Project, asked: Collection[str]) -> dict[str, Any]:
    """What is above (nothing) and below it, as far as that was asked for."""
    from .project import below

    found: dict[str, Any] = {}
    if "parents_as_list" in asked:
        found["parents"] = []
    if "parents_as_ids" in asked:
        found["parents"] = None
    if "subtree_as_list" in asked or "subtree_as_ids" in asked:
        found["subtree"] = below(ctx, row, "subtree_as_list" in asked)
    return found


def create(ctx: Context, values: dict[str, Any], free: dict[str, Any]) -> object:
    """Make a domain of a project's body. Raises BadRequest, Conflict."""
    from .domain import make
    from .project import shown

    ctx.require("identity:create_project", {"target.project.domain_id": "None"})
    for name in ("domain_id", "parent_id"):
        if values.pop(name, None) is not None:
            raise BadRequest(f"project.{name}: a project that is a domain stands in no other.")
    values.pop("is_domain")
    given = ctx.inner("project")
    if "tags" in given:
        tags = Domain.attrs["tags"].type
        values["tags"] = tags.parse(given["tags"], ctx.where.at("project").at("tags"))
    return {"project": shown(ctx, [as_project(make(ctx.tx, values, free))])[0]}


def update(ctx: Context, row: Project, values: dict[str, Any], free: dict[str, Any]) -> object:
    """Change the domain behind a project. Raises Conflict, Forbidden."""
    from .domain import change
    from .project import shown

    given = ctx.inner("project")
    if "tags" in given:
        tags = Domain.attrs["tags"].type
        values["tags"] = tags.parse(given["tags"], ctx.where.at("project").at("tags"))
    domain = noun.must(ctx.tx, Domain, row.id)
    change(ctx, domain, values, free)
    return {"project": shown(ctx, [as_project(domain)])[0]}


def delete(ctx: Context, row: Project) -> None:
    """Delete the domain behind a project, and all in it. Raises Forbidden, Conflict."""
    from .domain import remove

    remove(ctx, noun.must(ctx.tx, Domain, row.id))
