"""Limits: how much of a resource one project or one domain may have."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..config import Config
from ..core.db import Tx, chunks
from ..core.errors import BadRequest, Conflict
from ..core.resource import Resource, attr, new_hex
from ..core.types import Text, Where
from ..wire.context import Context
from ..wire.route import Route
from . import enforcement, noun
from .registered_limit import VALUE, RegisteredLimit, bodies, check_place, place
from .rows import CatalogService, Domain, Project


class Limit(Resource):
    """One project's or one domain's limit, in the place of the registered one."""

    one, many, table_name = "limit", "limits", "identity_limits"
    constraints = (sa.UniqueConstraint("holder", "place"),)

    id = attr(Text(64, 1), key=True, default=new_hex)
    project_id = attr(Text(64, 1), null=True, create=True, filter=True)
    domain_id = attr(Text(64, 1), null=True, create=True, filter=True)
    service_id = attr(Text(64, 1), create="required", filter=True)
    region_id = attr(Text(255, 1), null=True, create=True, filter=True)
    resource_name = attr(Text(255, 1), create="required", filter=True)
    resource_limit = attr(VALUE, create="required", update=True)
    description = attr(Text(65535), null=True, create=True, update=True)
    holder = attr(Text(64), show=False)  # the project or the domain
    place = attr(Text(600), show=False, index=True)  # as registered limits have it


def limits(
    tx: Tx, project_id: str, service_type: str, region_id: str | None = None
) -> dict[str, int]:
    """What a project may have of every resource that the service has registered, by name.

    -1 is without end. A limit for the region goes before one for all regions, and the project's
    own before the registered one.
    """
    services = [s.id for s in tx.all(CatalogService, type=service_type)]
    regions = (None, region_id) if region_id is not None else (None,)
    found: dict[str, int] = {}
    for region in regions:
        registered = tx.all(RegisteredLimit, service_id=services, region_id=region)
        found |= {row.resource_name: row.default_limit for row in registered}
        own = tx.all(Limit, holder=project_id, service_id=services, region_id=region)
        found |= {row.resource_name: row.resource_limit for row in own}
    return found


def of_projects(ctx: Context, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The limits of these projects as JSON, by project."""
    found: dict[str, list[dict[str, Any]]] = {}
    for some in chunks(ids):
        rows = ctx.tx.all(Limit, project_id=some, order=[Limit.resource_name, Limit.id])
        for row, one in zip(rows, noun.view(ctx, rows), strict=True):
            found.setdefault(row.holder, []).append(one)
    return found


def _list(ctx: Context) -> object:
    ctx.require("identity:list_limits")
    who, where = ctx.who, []
    if not (who.system or who.roles & {"admin", "service"}):
        where = [Limit.project_id == who.project_id]
        if who.domain_id:
            inside = sa.select(Project.id).where(Project.domain_id == who.domain_id)
            where = [sa.or_(Limit.domain_id == who.domain_id, Limit.project_id.in_(inside))]
    rows, marker = noun.listed(ctx, Limit, where, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "limits", noun.view(ctx, rows), marker)


def _show(ctx: Context) -> object:
    row = ctx.tx.get(Limit, ctx.params["limit_id"])
    target = noun.target(row)
    if row is not None and row.project_id is not None:
        project = ctx.tx.get(Project, row.project_id)
        target["target.limit.project.domain_id"] = project and project.domain_id
    elif row is not None:
        target["target.limit.domain.id"] = row.domain_id
    ctx.require("identity:get_limit", target)
    if row is None:
        raise noun.absent(Limit, ctx.params["limit_id"])
    return {"limit": noun.view(ctx, [row])[0]}


def _create(ctx: Context) -> object:
    ctx.require("identity:create_limits")
    tx = ctx.tx
    rows = []
    for index, given in enumerate(bodies(ctx, "limits")):
        where = Where("limits").at(index)
        values = Limit.parse(given, "create", where)
        check_place(tx, values, where)
        _held_by(tx, values, where)
        row = Limit(**values)
        row.place = place(row.service_id, values.get("region_id"), row.resource_name)
        if not tx.exists(RegisteredLimit, place=row.place):
            raise BadRequest(f"{where.path}: no limit is registered of this resource and service.")
        if tx.exists(Limit, holder=row.holder, place=row.place):
            raise Conflict("The project or domain already has a limit of this resource.")
        rows.append(tx.add(row))
    for row in rows:
        enforcement.check(tx, ctx.parts[Config].limit_model, row)
    return {"limits": noun.view(ctx, rows)}


def _held_by(tx: Tx, values: dict[str, Any], where: Where) -> None:
    """Say who holds the limit. Raises BadRequest unless it is one project or one domain."""
    project, domain = values.get("project_id"), values.get("domain_id")
    if (project is None) == (domain is None):
        raise BadRequest(f"{where.path} must have either a project_id or a domain_id.")
    if project is not None and tx.get(Project, project) is None:
        if tx.get(Domain, project) is None:
            raise BadRequest(f"{where.at('project_id').path}: there is no project {project!r}.")
        # A project that is a domain.
        values["project_id"], domain = None, project
    elif domain is not None and tx.get(Domain, domain) is None:
        raise BadRequest(f"{where.at('domain_id').path}: there is no domain {domain!r}.")
    values["domain_id"] = domain
    values["holder"] = domain or project


def _update(ctx: Context) -> object:
    row = noun.find(ctx, Limit, ctx.params["limit_id"], "identity:update_limit")
    ctx.tx.change(row, **Limit.parse(ctx.inner("limit"), "update", Where("limit")))
    enforcement.check(ctx.tx, ctx.parts[Config].limit_model, row)
    return {"limit": noun.view(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    ctx.tx.remove(noun.find(ctx, Limit, ctx.params["limit_id"], "identity:delete_limit"))


def _model(ctx: Context) -> object:
    name = ctx.parts[Config].limit_model
    return {"model": {"name": name, "description": enforcement.MODELS[name]}}


def routes() -> tuple[Route, ...]:
    """The routes of limits."""
    one = "/v3/limits/{limit_id}"
    return (
        Route("GET", "/v3/limits", _list),
        Route("POST", "/v3/limits", _create, status=201),
        Route("GET", "/v3/limits/model", _model, "identity:get_limit_model"),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
