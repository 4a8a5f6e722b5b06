"""Inventories and allocations moved together: all of it or nothing."""

from typing import Any

from ..core.errors import BadRequest
from ..core.types import Field, Object
from ..wire.context import Context, Response
from ..wire.route import Route
from .allocation import set_shares
from .answer import empty
from .body import SHARES, STOCKS, UUID, MapOf
from .index import TOPIC
from .inventories import stock_of
from .names import check_classes
from .place import read
from .provide import Inventory, inventories, set_inventories
from .providers import expect, step
from .rows import Provider

_BODY = Object(
    {
        "inventories": Field(MapOf(UUID, STOCKS, 1), required=True),
        "allocations": Field(MapOf(UUID, SHARES), required=True),
    }
)


def _reshape(ctx: Context) -> Response:
    body = read(ctx, _BODY)
    rows = {}
    for id, wanted in sorted(body["inventories"].items()):
        row = ctx.tx.get(Provider, id)
        if row is None:
            raise BadRequest(
                f"Resource provider {id} in inventories not found.",
                kind="placement.resource_provider.not_found",
            )
        expect(row, wanted["resource_provider_generation"])
        rows[id] = row
    names = {name for wanted in body["inventories"].values() for name in wanted["inventories"]}
    check_classes(ctx.tx, names)
    for id, row in rows.items():
        if body["inventories"][id]["inventories"]:
            step(ctx.tx, row)

    stocks = {id: _stocks(ctx, id, body["inventories"][id]["inventories"]) for id in rows}

    def restock() -> None:
        for id, wanted in stocks.items():
            set_inventories(ctx.tx, id, inventories(ctx.tx, id) | wanted)

    # What is new is there before anything is taken; what is to go is in use until then.
    set_shares(ctx, body["allocations"], between=restock)
    for id, wanted in stocks.items():
        set_inventories(ctx.tx, id, wanted)
        # As the API has it, a provider moves on before and after its allocations.
        ctx.tx.increase(Provider, "generation", id=id)
        ctx.tx.signal(TOPIC, id)
    return empty(ctx)


def _stocks(ctx: Context, id: str, wanted: dict[str, Any]) -> dict[str, Inventory]:
    return {name: stock_of(ctx, id, name, one) for name, one in wanted.items()}


ROUTES = (Route("POST", "/reshaper", _reshape, "placement:reshaper:reshape", since=(1, 30)),)
