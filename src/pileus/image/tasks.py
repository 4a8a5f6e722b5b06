"""Tasks: what images' imports came to, and imports by the old tasks API."""

from datetime import datetime
from typing import Any

from ..core.errors import BadRequest, MethodNotAllowed, NotFound
from ..core.types import Field, Json, Object, Text, When
from ..wire.context import Context, Response
from ..wire.paging import page
from . import imports, seen, write
from .rows import ImageTask

_WHEN = When()
_FORMS = ("pending", "processing", "success", "failure")
_BODY = Object({"type": Field(Text(64), required=True), "input": Field(Json(), required=True)})
_ENOUGH = ("import_from", "import_from_format", "image_properties")


def _moment(value: datetime | None) -> object:
    return None if value is None else _WHEN.dump(value)


def _stub(row: ImageTask) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": row.id,
        "type": row.type,
        "status": row.status,
        "owner": row.owner,
        "created_at": _moment(row.created_at),
        "updated_at": _moment(row.updated_at),
        "self": f"/v2/tasks/{row.id}",
        "schema": "/v2/schemas/task",
    }
    return found | ({"expires_at": _moment(row.expires_at)} if row.expires_at else {})


def _view(row: ImageTask) -> dict[str, Any]:
    found = _stub(row) | {"input": row.input, "message": row.message, "result": row.result}
    for key in ("image_id", "request_id", "user_id"):
        if getattr(row, key):
            found[key] = getattr(row, key)
    return found


def listing(ctx: Context) -> object:
    """GET /v2/tasks."""
    for key, possible in (("status", _FORMS), ("type", ("import",))):
        for text in ctx.request.every(key):
            if text not in possible:
                raise BadRequest(f"Invalid {key} value: {text[:80]}")
    rows, marker = page(ctx, ImageTask)
    return ctx.service.page(ctx, "tasks", [_stub(row) for row in rows], marker)


def show(ctx: Context) -> object:
    """GET /v2/tasks/{task_id}."""
    row = ctx.tx.get(ImageTask, ctx.params["task_id"].lower())
    if row is None:
        raise NotFound(f"No task found with ID {ctx.params['task_id'][:255]}")
    return _view(row)


def delete(ctx: Context) -> object:
    """DELETE /v2/tasks/{task_id}: not possible, as upstream has it."""
    raise MethodNotAllowed(
        "This operation is currently not permitted on Glance Tasks. They are auto deleted after"
        " reaching the time based on their expires_at property.",
        headers={"Allow": "GET"},
    )


def create(ctx: Context) -> Response:
    """POST /v2/tasks: a new image from a URL."""
    body = _BODY.parse(ctx.body, ctx.where)
    if body["type"] != "import":
        raise BadRequest(f"The task type {body['type'][:80]!r} is not one of: import.")
    given = body["input"]
    if not isinstance(given, dict):
        raise BadRequest("The task's input must be an object.")
    for key in _ENOUGH:
        if key not in given:
            raise BadRequest(f"Input to import task is missing {key!r}")
    if not isinstance(given["import_from"], str) or not isinstance(given["image_properties"], dict):
        raise BadRequest("import_from must be a URL, image_properties an object.")
    wanted = {"disk_format": given["import_from_format"], "container_format": "bare"}
    image = write.new(ctx, wanted | given["image_properties"])
    row = imports.begin_task(ctx, image, given, given["import_from"])
    return Response(201, _view(row), {"Location": f"/v2/tasks/{row.id}"})


def of_image(ctx: Context) -> object:
    """GET /v2/images/{image_id}/tasks."""
    image = seen.asked(ctx, ctx.tx, "get_image")
    order = [ImageTask.created_at.desc(), ImageTask.id]
    rows = ctx.tx.all(ImageTask, image_id=image.id, order=order)
    if image.owner != ctx.project_id and not seen.is_admin(ctx):
        # What it came from may be a URL with a secret: others see what they did themselves.
        rows = [row for row in rows if row.owner == ctx.project_id]
    return {"tasks": [_view(row) for row in rows]}
