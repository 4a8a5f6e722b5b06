"""The tags of projects."""

from collections.abc import Sequence

import sqlalchemy as sa

from ..core.db import Tx, chunks
from ..core.errors import NotFound
from ..core.types import ListOf, Text, Where
from ..wire.context import Context, Response
from ..wire.route import Route
from . import noun
from .rows import Project, ProjectTag

_TAG = Text(255, 1, r"[^,/]*")
_TAGS = ListOf(_TAG, 80, unique=True)


def by_project(tx: Tx, project_ids: Sequence[str]) -> dict[str, list[str]]:
    """The tags of these projects, in order."""
    found: dict[str, list[str]] = {}
    for some in chunks(project_ids):
        for tag in tx.all(ProjectTag, project_id=some, order=[ProjectTag.name]):
            found.setdefault(tag.project_id, []).append(tag.name)
    return found


def replace(tx: Tx, project_id: str, value: object, where: Where) -> list[str]:
    """Give the project these tags and no others. Raises BadRequest."""
    tags = _TAGS.parse(value, where)
    tx.remove_where(ProjectTag, project_id=project_id)
    tx.add_all([ProjectTag(project_id=project_id, name=tag) for tag in tags])
    return sorted(tags)


def with_tags(ctx: Context) -> list["sa.ColumnElement[bool]"]:
    """Conditions from `tags`, `tags-any`, `not-tags` and `not-tags-any`."""

    def having(tags: list[str]) -> sa.Select[str]:
        return sa.select(ProjectTag.project_id).where(ProjectTag.name.in_(tags))

    found: list[sa.ColumnElement[bool]] = []
    for key, value in ctx.request.query:
        tags = [t for t in value.split(",") if t]
        every = [Project.id.in_(having([t])) for t in tags]
        if key == "tags":
            found += every
        elif key == "tags-any":
            found.append(Project.id.in_(having(tags)))
        elif key == "not-tags":
            found.append(sa.not_(sa.and_(sa.true(), *every)))
        elif key == "not-tags-any":
            found.append(Project.id.not_in(having(tags)))
    return found


def _project(ctx: Context, rule: str) -> Project:
    return noun.find(ctx, Project, ctx.params["project_id"], f"identity:{rule}")


def _tag(ctx: Context) -> ProjectTag | None:
    return ctx.tx.get(ProjectTag, ctx.params["project_id"], ctx.params["tag"])


def _list(ctx: Context) -> object:
    row = _project(ctx, "list_project_tags")
    return {"tags": by_project(ctx.tx, [row.id]).get(row.id, [])} | _links(ctx)


def _links(ctx: Context) -> dict[str, object]:
    return {"links": {"self": ctx.url(ctx.request.path), "next": None, "previous": None}}


def _replace(ctx: Context) -> object:
    row = _project(ctx, "update_project_tags")
    return {"tags": replace(ctx.tx, row.id, ctx.inner("tags"), Where("tags"))} | _links(ctx)


def _clear(ctx: Context) -> None:
    row = _project(ctx, "delete_project_tags")
    ctx.tx.remove_where(ProjectTag, project_id=row.id)


def _check(ctx: Context) -> Response:
    _project(ctx, "get_project_tag")
    if _tag(ctx) is None:
        raise NotFound("The project does not have this tag.")
    return Response(204)


def _add(ctx: Context) -> Response:
    row = _project(ctx, "create_project_tag")
    name = _TAG.parse(ctx.params["tag"], Where("tag"))
    if _tag(ctx) is None:
        _TAGS.parse([*by_project(ctx.tx, [row.id]).get(row.id, []), name], Where("tags"))
        ctx.tx.add(ProjectTag(project_id=row.id, name=name))
    return Response(201, None, {"Location": ctx.url(ctx.request.path)})


def _remove(ctx: Context) -> None:
    _project(ctx, "delete_project_tag")
    tag = _tag(ctx)
    if tag is None:
        raise NotFound("The project does not have this tag.")
    ctx.tx.remove(tag)


def routes() -> tuple[Route, ...]:
    """The routes of tags."""
    tags = "/v3/projects/{project_id}/tags"
    one = tags + "/{tag}"
    return (
        Route("GET", tags, _list),
        Route("PUT", tags, _replace),
        Route("DELETE", tags, _clear, status=204),
        Route("GET", one, _check),
        Route("PUT", one, _add),
        Route("DELETE", one, _remove, status=204),
    )
