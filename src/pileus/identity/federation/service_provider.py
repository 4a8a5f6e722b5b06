"""Service providers: other clouds to which users of this one can go."""

from collections.abc import Sequence
from typing import Any

from ...core.errors import Conflict
from ...wire.context import Context
from ...wire.route import Route
from .. import noun
from ..revision import bump
from .rows import ServiceProvider

PATH = "/v3/OS-FEDERATION/service_providers"


def _views(ctx: Context, rows: Sequence[ServiceProvider]) -> list[dict[str, Any]]:
    return noun.view(ctx, rows, PATH)


def _find(ctx: Context, rule: str) -> ServiceProvider:
    key = ctx.params["service_provider_id"]
    return noun.find(ctx, ServiceProvider, key, f"identity:{rule}")


def _list(ctx: Context) -> object:
    ctx.require("identity:list_service_providers")
    rows, marker = noun.listed(ctx, ServiceProvider, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "service_providers", _views(ctx, rows), marker)


def _show(ctx: Context) -> object:
    return {"service_provider": _views(ctx, [_find(ctx, "get_service_provider")])[0]}


def _read(ctx: Context, verb: Any) -> dict[str, Any]:
    given = ctx.inner("service_provider")
    return ServiceProvider.parse(given, verb, ctx.where.at("service_provider"))


def _create(ctx: Context) -> object:
    ctx.require("identity:create_service_provider")
    values = _read(ctx, "create")
    asked = ctx.params["service_provider_id"]
    key = ServiceProvider.attrs["id"].type.parse(asked, ctx.where.at("id"))
    if ctx.tx.get(ServiceProvider, key) is not None:
        raise Conflict(f"There is already a service provider {key!r}.")
    row = ctx.tx.add(ServiceProvider(id=key, **values))
    bump(ctx.tx)  # tokens list the service providers
    return {"service_provider": _views(ctx, [row])[0]}


def _update(ctx: Context) -> object:
    row = _find(ctx, "update_service_provider")
    ctx.tx.change(row, **_read(ctx, "update"))
    bump(ctx.tx)
    return {"service_provider": _views(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    ctx.tx.remove(_find(ctx, "delete_service_provider"))
    bump(ctx.tx)


def routes() -> tuple[Route, ...]:
    """The routes of service providers."""
    one = f"{PATH}/{{service_provider_id}}"
    return (
        Route("GET", PATH, _list),
        Route("GET", one, _show),
        Route("PUT", one, _create, status=201),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
