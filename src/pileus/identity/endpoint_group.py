"""Endpoint groups: endpoints by what they have in common, for projects' catalogs (OS-EP-FILTER)."""

from typing import Any

from ..core.errors import BadRequest, NotFound
from ..wire.context import Context, Response
from ..wire.route import Route
from . import noun
from .revision import bump
from .rows import CatalogService, Endpoint, Project, Region
from .rows_catalog import EndpointGroup, ProjectEndpointGroup

_INTERFACES = ("public", "internal", "admin")


def endpoints_shown(ctx: Context, rows: list[Endpoint]) -> list[dict[str, Any]]:
    """Endpoints as this API lists them."""
    found = noun.view(ctx, rows)
    for one in found:
        one["region"] = one["region_id"]
    return found


def shown(ctx: Context, rows: list[EndpointGroup]) -> list[dict[str, Any]]:
    """The groups as JSON."""
    return noun.view(ctx, rows, "/v3/OS-EP-FILTER/endpoint_groups")


def _check(ctx: Context, values: dict[str, Any]) -> None:
    filters = values.get("filters")
    if filters is None:
        return
    if not filters:
        raise BadRequest(
            "endpoint_group.filters must name a service_id, a region_id, an interface."
        )
    if filters.get("interface", "public") not in _INTERFACES:
        raise BadRequest(
            f"endpoint_group.filters.interface must be one of {', '.join(_INTERFACES)}."
        )
    service, region = filters.get("service_id"), filters.get("region_id")
    if service is not None and ctx.tx.get(CatalogService, service) is None:
        raise BadRequest(f"endpoint_group.filters.service_id: there is no service {service!r}.")
    if region is not None and ctx.tx.get(Region, region) is None:
        raise BadRequest(f"endpoint_group.filters.region_id: there is no region {region!r}.")


def _find(ctx: Context, rule: str) -> EndpointGroup:
    return noun.find(ctx, EndpointGroup, ctx.params["endpoint_group_id"], f"identity:{rule}")


def _list(ctx: Context) -> object:
    ctx.require("identity:list_endpoint_groups")
    rows, marker = noun.listed(ctx, EndpointGroup)
    return ctx.service.page(ctx, "endpoint_groups", shown(ctx, rows), marker)


def _show(ctx: Context) -> object:
    return {"endpoint_group": shown(ctx, [_find(ctx, "get_endpoint_group")])[0]}


def _create(ctx: Context) -> object:
    ctx.require("identity:create_endpoint_group")
    where = ctx.where.at("endpoint_group")
    values = EndpointGroup.parse(ctx.inner("endpoint_group"), "create", where)
    _check(ctx, values)
    row = ctx.tx.add(EndpointGroup(**values))
    return {"endpoint_group": shown(ctx, [row])[0]}


def _update(ctx: Context) -> object:
    row = _find(ctx, "update_endpoint_group")
    where = ctx.where.at("endpoint_group")
    values = EndpointGroup.parse(ctx.inner("endpoint_group"), "update", where)
    _check(ctx, values)
    ctx.tx.change(row, **values)
    bump(ctx.tx)
    return {"endpoint_group": shown(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    row = _find(ctx, "delete_endpoint_group")
    ctx.tx.remove_where(ProjectEndpointGroup, endpoint_group_id=row.id)
    ctx.tx.remove(row)
    bump(ctx.tx)


def _projects(ctx: Context) -> object:
    from .project import shown as shown_projects

    row = _find(ctx, "list_projects_associated_with_endpoint_group")
    ids = [one.project_id for one in ctx.tx.all(ProjectEndpointGroup, endpoint_group_id=row.id)]
    found = ctx.tx.all(Project, id=ids, order=[Project.name])
    return ctx.service.page(ctx, "projects", shown_projects(ctx, found), "")


def _endpoints(ctx: Context) -> object:
    row = _find(ctx, "list_endpoints_associated_with_endpoint_group")
    found = [one for one in ctx.tx.all(Endpoint, order=[Endpoint.id]) if row.has(one)]
    return ctx.service.page(ctx, "endpoints", endpoints_shown(ctx, found), "")


def _of_project(ctx: Context) -> object:
    ctx.require("identity:list_endpoint_groups_for_project")
    project = noun.must(ctx.tx, Project, ctx.params["project_id"])
    rows = ctx.tx.all(ProjectEndpointGroup, project_id=project.id)
    ids = [one.endpoint_group_id for one in rows]
    found = ctx.tx.all(EndpointGroup, id=ids, order=[EndpointGroup.name])
    return ctx.service.page(ctx, "endpoint_groups", shown(ctx, found), "")


def _pair(ctx: Context, rule: str) -> tuple[str, str, ProjectEndpointGroup | None]:
    group = _find(ctx, rule)
    project = noun.must(ctx.tx, Project, ctx.params["project_id"])
    return project.id, group.id, ctx.tx.get(ProjectEndpointGroup, project.id, group.id)


def _add(ctx: Context) -> None:
    project, group, row = _pair(ctx, "add_endpoint_group_to_project")
    if row is None:
        ctx.tx.add(ProjectEndpointGroup(project_id=project, endpoint_group_id=group))
        bump(ctx.tx)


def _in_project(ctx: Context) -> object:
    _, group, row = _pair(ctx, "get_endpoint_group_in_project")
    if row is None:
        raise NotFound("The endpoint group is not in this project's catalog.")
    if ctx.request.method == "HEAD":
        return Response(200)
    return {"endpoint_group": shown(ctx, [noun.must(ctx.tx, EndpointGroup, group)])[0]}


def _remove(ctx: Context) -> None:
    _, _, row = _pair(ctx, "remove_endpoint_group_from_project")
    if row is None:
        raise NotFound("The endpoint group is not in this project's catalog.")
    ctx.tx.remove(row)
    bump(ctx.tx)


def routes() -> tuple[Route, ...]:
    """The routes of endpoint groups."""
    at = "/v3/OS-EP-FILTER/endpoint_groups"
    one = at + "/{endpoint_group_id}"
    pair = one + "/projects/{project_id}"
    return (
        Route("GET", at, _list),
        Route("POST", at, _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
        Route("GET", f"{one}/projects", _projects),
        Route("GET", f"{one}/endpoints", _endpoints),
        Route("PUT", pair, _add, status=204),
        Route("GET", pair, _in_project),
        Route("DELETE", pair, _remove, status=204),
        Route("GET", "/v3/OS-EP-FILTER/projects/{project_id}/endpoint_groups", _of_project),
    )
