"""Endpoints in projects' catalogs: a project with any of its own sees no others (OS-EP-FILTER)."""

from ..core.errors import NotFound
from ..wire.context import Context, Response
from ..wire.route import Route
from . import noun
from .endpoint_group import endpoints_shown
from .revision import bump
from .rows import Endpoint, Project
from .rows_catalog import EndpointGroup, ProjectEndpoint, ProjectEndpointGroup


def _pair(ctx: Context, rule: str) -> tuple[str, str, ProjectEndpoint | None]:
    ctx.require(f"identity:{rule}")
    project = noun.must(ctx.tx, Project, ctx.params["project_id"]).id
    endpoint = noun.must(ctx.tx, Endpoint, ctx.params["endpoint_id"]).id
    return project, endpoint, ctx.tx.get(ProjectEndpoint, project, endpoint)


def _add(ctx: Context) -> None:
    project, endpoint, row = _pair(ctx, "add_endpoint_to_project")
    if row is None:
        ctx.tx.add(ProjectEndpoint(project_id=project, endpoint_id=endpoint))
        bump(ctx.tx)


def _check(ctx: Context) -> Response:
    if _pair(ctx, "check_endpoint_in_project")[2] is None:
        raise NotFound("The endpoint is not in this project's catalog.")
    return Response(204)


def _remove(ctx: Context) -> None:
    row = _pair(ctx, "remove_endpoint_from_project")[2]
    if row is None:
        raise NotFound("The endpoint is not in this project's catalog.")
    ctx.tx.remove(row)
    bump(ctx.tx)


def _endpoints(ctx: Context) -> object:
    ctx.require("identity:list_endpoints_for_project")
    tx, project = ctx.tx, noun.must(ctx.tx, Project, ctx.params["project_id"])
    named = {one.endpoint_id for one in tx.all(ProjectEndpoint, project_id=project.id)}
    rows = tx.all(ProjectEndpointGroup, project_id=project.id)
    groups = tx.all(EndpointGroup, id=[one.endpoint_group_id for one in rows])
    found = [
        one
        for one in tx.all(Endpoint, order=[Endpoint.id])
        if one.id in named or any(group.has(one) for group in groups)
    ]
    return ctx.service.page(ctx, "endpoints", endpoints_shown(ctx, found), "")


def _projects(ctx: Context) -> object:
    from .project import shown

    ctx.require("identity:list_projects_for_endpoint")
    endpoint = noun.must(ctx.tx, Endpoint, ctx.params["endpoint_id"])
    ids = [one.project_id for one in ctx.tx.all(ProjectEndpoint, endpoint_id=endpoint.id)]
    found = ctx.tx.all(Project, id=ids, order=[Project.name])
    return ctx.service.page(ctx, "projects", shown(ctx, found), "")


def routes() -> tuple[Route, ...]:
    """The routes of endpoints in projects."""
    at = "/v3/OS-EP-FILTER/projects/{project_id}/endpoints"
    one = at + "/{endpoint_id}"
    return (
        Route("GET", at, _endpoints),
        Route("PUT", one, _add, status=204),
        Route("GET", one, _check),
        Route("DELETE", one, _remove, status=204),
        Route("GET", "/v3/OS-EP-FILTER/endpoints/{endpoint_id}/projects", _projects),
    )
