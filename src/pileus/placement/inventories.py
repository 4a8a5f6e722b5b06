"""A provider's inventories over HTTP."""

from collections.abc import Mapping
from typing import Any

from ..core.errors import BadRequest, Conflict, MethodNotAllowed, NotFound
from ..wire.context import Context, Response
from ..wire.route import Route
from . import provide
from .answer import answer, empty
from .body import NEW_STOCK, ONE_STOCK, STOCKS
from .names import check_classes, unknown_classes
from .place import read
from .providers import CONCURRENT, expect, provider, step
from .rows import Inventory, Provider

_FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")


def _view(row: Inventory) -> dict[str, object]:
    return {name: getattr(row, name) for name in _FIELDS}


def _all(ctx: Context, row: Provider) -> Response:
    rows = ctx.tx.all(Inventory, provider_id=row.id, order=[Inventory.resource_class])
    body = {
        "resource_provider_generation": row.generation,
        "inventories": {one.resource_class: _view(one) for one in rows},
    }
    return answer(ctx, body, modified=[one.updated_at for one in rows])


def _one(ctx: Context, row: Provider, stock: Inventory, status: int = 200) -> Response:
    body = _view(stock) | {"resource_provider_generation": row.generation}
    here = f"/resource_providers/{row.id}/inventories/{stock.resource_class}"
    return answer(ctx, body, status, [stock.updated_at], location=here if status == 201 else "")


def stock_of(
    ctx: Context, provider_id: str, name: str, body: Mapping[str, Any]
) -> provide.Inventory:
    """The inventory that a body describes. Raises BadRequest when nothing would be left of it."""
    found = provide.Inventory(**{key: body[key] for key in _FIELDS if key in body})
    left = int((found.total - found.reserved) * found.allocation_ratio)
    least = 0 if ctx.version >= (1, 26) else 1
    if left < least:
        verb = "create" if ctx.request.method == "POST" else "update"
        limit = "greater than or equal to total" if least else "greater than total"
        raise BadRequest(
            f"Unable to {verb} inventory for resource provider {provider_id}: Invalid inventory"
            f" for {name!r}: reserved is {limit}, or the ratio too small. The capacity,"
            f" (total - reserved) * allocation_ratio, is {left} and must be at least {least}."
        )
    return found


def _list(ctx: Context) -> Response:
    return _all(ctx, provider(ctx))


def _show(ctx: Context) -> Response:
    row = provider(ctx)
    return _one(ctx, row, _stock(ctx, row))


def _stock(ctx: Context, row: Provider) -> Inventory:
    name = ctx.params["resource_class"]
    found = ctx.tx.get(Inventory, row.id, name)
    if found is None:
        why = "found for delete at" if ctx.request.method == "DELETE" else "for"
        raise NotFound(f"No inventory of class {name[:80]} {why} {row.id}.")
    return found


def _replace(ctx: Context) -> Response:
    row = provider(ctx)
    body = read(ctx, STOCKS)
    expect(row, body["resource_provider_generation"])
    wrong = f"Unknown resource class in inventory for resource provider {row.id}: "
    check_classes(ctx.tx, body["inventories"], wrong)
    wanted = {n: stock_of(ctx, row.id, n, one) for n, one in body["inventories"].items()}
    provide.set_inventories(ctx.tx, row.id, wanted)
    step(ctx.tx, row)
    return _all(ctx, row)


def _create(ctx: Context) -> Response:
    row = provider(ctx)
    body = read(ctx, NEW_STOCK)
    name = body["resource_class"]
    check_classes(ctx.tx, [name])
    stock = stock_of(ctx, row.id, name, body)
    if ctx.tx.get(Inventory, row.id, name) is not None:
        raise Conflict(f"Update conflict: {row.id} already has {name}.", kind=CONCURRENT)
    made = ctx.tx.add(Inventory(provider_id=row.id, resource_class=name, **vars(stock)))
    step(ctx.tx, row)
    return _one(ctx, row, made, 201)


def _update(ctx: Context) -> Response:
    row = provider(ctx)
    name = ctx.params["resource_class"]
    body = read(ctx, ONE_STOCK)
    expect(row, body["resource_provider_generation"])
    stock = stock_of(ctx, row.id, name, body)
    found = ctx.tx.get(Inventory, row.id, name)
    if found is None:
        if unknown_classes(ctx.tx, [name]):
            raise NotFound(f"No such resource class {name[:80]}.")
        raise BadRequest(
            f"No inventory record with resource class {name[:80]} for resource provider {row.id}:"
            " POST makes one."
        )
    ctx.tx.change(found, **vars(stock), updated_at=ctx.tx.now)
    step(ctx.tx, row)
    return _one(ctx, row, found)


def _delete(ctx: Context) -> Response:
    row = provider(ctx)
    # The API's error code here is another than where several go at once.
    provide.drop_inventories(ctx.tx, row.id, [_stock(ctx, row)], CONCURRENT)
    step(ctx.tx, row)
    return empty(ctx)


def _clear(ctx: Context) -> Response:
    if ctx.version < (1, 5):
        raise MethodNotAllowed("Deleting all inventories is possible from microversion 1.5.")
    row = provider(ctx)
    provide.set_inventories(ctx.tx, row.id, {})
    step(ctx.tx, row)
    return empty(ctx)


_PATH = "/resource_providers/{provider_id}/inventories"
_RULE = "placement:resource_providers:inventories"
ROUTES = (
    Route("GET", _PATH, _list, f"{_RULE}:list"),
    Route("PUT", _PATH, _replace, f"{_RULE}:update"),
    Route("POST", _PATH, _create, f"{_RULE}:create"),
    Route("DELETE", _PATH, _clear, f"{_RULE}:delete"),
    Route("GET", _PATH + "/{resource_class}", _show, f"{_RULE}:show"),
    Route("PUT", _PATH + "/{resource_class}", _update, f"{_RULE}:update"),
    Route("DELETE", _PATH + "/{resource_class}", _delete, f"{_RULE}:delete"),
)
