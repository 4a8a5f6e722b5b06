"""A provider's aggregates over HTTP."""

from collections.abc import Sequence

from ..wire.context import Context, Response
from ..wire.route import Route
from .answer import answer
from .body import AGGREGATES, AGGREGATES_LIST
from .place import read
from .providers import expect, provider, step
from .rows import Provider, ProviderAggregate


def _view(ctx: Context, row: Provider, aggregates: Sequence[str]) -> Response:
    body: dict[str, object] = {"aggregates": aggregates}
    if ctx.version >= (1, 19):
        body["resource_provider_generation"] = row.generation
    return answer(ctx, body)


def _list(ctx: Context) -> Response:
    row = provider(ctx)
    order = [ProviderAggregate.aggregate_id]
    found = ctx.tx.all(ProviderAggregate, provider_id=row.id, order=order)
    return _view(ctx, row, [one.aggregate_id for one in found])


def _put(ctx: Context) -> Response:
    row = provider(ctx)
    if ctx.version >= (1, 19):
        body = read(ctx, AGGREGATES)
        expect(row, body["resource_provider_generation"])
        wanted = body["aggregates"]
        step(ctx.tx, row)
    else:
        wanted = read(ctx, AGGREGATES_LIST)
    ctx.tx.remove_where(ProviderAggregate, provider_id=row.id)
    ctx.tx.add_all([ProviderAggregate(provider_id=row.id, aggregate_id=one) for one in wanted])
    return _view(ctx, row, wanted)


_PATH, _RULE = (
    "/resource_providers/{provider_id}/aggregates",
    "placement:resource_providers:aggregates",
)
ROUTES = (
    Route("GET", _PATH, _list, f"{_RULE}:list", since=(1, 1)),
    Route("PUT", _PATH, _put, f"{_RULE}:update", since=(1, 1)),
)
