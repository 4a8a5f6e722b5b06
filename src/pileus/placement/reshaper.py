"""Inventories and allocations moved together: all of it or nothing."""

from typing import Any

from ..core.errors import BadRequest
from ..core.types import Field, Object
from ..wire.context import Context, Response
from ..wire.route import Route
from .allocation import set_shares
from .answer import empty
from .body import SHARES, STOCKS, UUID, MapOf
from .inventories import stock_of
from .names import check_classes
from .place import read
from .provide import set_inventories
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
        check_classes(ctx.tx, wanted["inventories"])
        rows[id] = row
    for row in rows.values():
        step(ctx.tx, row)

    def restock() -> None:
        for id in rows:
            _stock(ctx, id, body["inventories"][id]["inventories"])

    # Between giving everything back and taking it again the inventories are free to change.
    set_shares(ctx, body["allocations"], between=restock)
    return empty(ctx)


def _stock(ctx: Context, id: str, wanted: dict[str, Any]) -> None:
    set_inventories(
        ctx.tx, id, {name: stock_of(ctx, id, name, one) for name, one in wanted.items()}
    )


ROUTES = (Route("POST", "/reshaper", _reshape, "placement:reshaper:reshape", since=(1, 30)),)
