"""Resource classes over HTTP."""

from ..core.errors import BadRequest, Conflict, NotFound
from ..core.types import Field, Object, Text
from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer, empty, path
from .names import standard_classes, unknown_classes
from .place import Place, read
from .rows import Inventory, ResourceClass

_NAME = Text(255, 1, "CUSTOM_[A-Z0-9_]+")
_BODY = Object({"name": Field(_NAME, required=True)})


def _view(ctx: Context, name: str) -> dict[str, object]:
    return {
        "name": name,
        "links": [{"rel": "self", "href": path(ctx, "resource_classes", name)}],
    }


def _list(ctx: Context) -> Response:
    custom = [row.name for row in ctx.tx.all(ResourceClass, order=[ResourceClass.name])]
    names = [*sorted(standard_classes()), *custom]
    return answer(ctx, {"resource_classes": [_view(ctx, name) for name in names]})


def _missing(name: str) -> NotFound:
    return NotFound(f"No such resource class {name[:255]}.")


def _show(ctx: Context) -> Response:
    name = ctx.params["name"]
    if unknown_classes(ctx.tx, [name]):
        raise _missing(name)
    return answer(ctx, _view(ctx, name))


def _create(ctx: Context) -> Response:
    name = read(ctx, _BODY)["name"]
    _add(ctx, name, "Conflicting resource")
    return empty(ctx, 201, f"/resource_classes/{name}")


def _add(ctx: Context, name: str, what: str) -> None:
    if not unknown_classes(ctx.tx, [name]):
        raise Conflict(f"{what} class already exists: {name}.")
    ctx.tx.add(ResourceClass(name=name))


def _put(ctx: Context) -> Response:
    name = ctx.params["name"]
    _NAME.parse(name, Place("name", ctx.version))
    here = f"/resource_classes/{name}"
    if ctx.tx.get(ResourceClass, name) is not None:
        return empty(ctx, 204, here)
    ctx.tx.add(ResourceClass(name=name))
    return empty(ctx, 201, here)


def _rename(ctx: Context) -> Response:
    old = ctx.params["name"]
    new = read(ctx, _BODY)["name"]
    if old in standard_classes():
        raise BadRequest(f"Cannot update standard resource class {old}.")
    row = ctx.tx.get(ResourceClass, old)
    if row is None:
        raise _missing(old)
    if new != old:
        _unused(ctx, old)
        _add(ctx, new, "Resource")
        ctx.tx.remove(row)
    return answer(ctx, _view(ctx, new))


def _delete(ctx: Context) -> Response:
    name = ctx.params["name"]
    if name in standard_classes():
        raise BadRequest(f"Cannot delete standard resource class {name}.")
    row = ctx.tx.get(ResourceClass, name)
    if row is None:
        raise _missing(name)
    _unused(ctx, name)
    ctx.tx.remove(row)
    return empty(ctx)


def _unused(ctx: Context, name: str) -> None:
    if ctx.tx.exists(Inventory, resource_class=name):
        raise Conflict(f"Error in delete resource class {name}: Class is in use in inventory.")


_RULE, _ONE = "placement:resource_classes", "/resource_classes/{name}"
ROUTES = (
    Route("GET", "/resource_classes", _list, f"{_RULE}:list", since=(1, 2)),
    Route("POST", "/resource_classes", _create, f"{_RULE}:create", since=(1, 2)),
    Route("GET", _ONE, _show, f"{_RULE}:show", since=(1, 2)),
    Route("PUT", _ONE, _rename, f"{_RULE}:update", since=(1, 2), until=(1, 6)),
    Route("PUT", _ONE, _put, f"{_RULE}:update", since=(1, 7)),
    Route("DELETE", _ONE, _delete, f"{_RULE}:delete", since=(1, 2)),
)
