"""Registered limits: what a service lets every project have, where the project has no own limit."""

from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, Forbidden
from ..core.resource import Resource, attr, new_hex
from ..core.types import Int, Text, Where
from ..wire.context import Context
from ..wire.route import Route
from . import noun
from .rows import CatalogService, Region

_MOST = 2**31 - 1
VALUE = Int(-1, _MOST)  # -1: without end


class RegisteredLimit(Resource):
    """The default of one resource of a service, in one region or (None) in all.

    `place` names what it is the default of, as there may be one; NULLs would never be equal.
    """

    one, many, table_name = "registered_limit", "registered_limits", "identity_registered_limits"
    constraints = (sa.UniqueConstraint("place"),)

    id = attr(Text(64, 1), key=True, default=new_hex)
    service_id = attr(
        Text(64, 1),
        references="identity_services.id",
        create="required",
        update=True,
        filter=True,
        index=True,
    )
    region_id = attr(
        Text(255, 1),
        null=True,
        references="identity_regions.id",
        create=True,
        update=True,
        filter=True,
    )
    resource_name = attr(Text(255, 1), create="required", update=True, filter=True)
    default_limit = attr(VALUE, create="required", update=True)
    description = attr(Text(65535), null=True, create=True, update=True)
    place = attr(Text(600), show=False)


def place(service_id: str, region_id: str | None, name: str) -> str:
    """What a limit is about, as one text."""
    return f"{service_id}/{region_id or ''}/{name}"


def check_place(tx: Tx, values: dict[str, Any], where: Where) -> None:
    """Raises BadRequest when the service or the region is not there."""
    service, region = values.get("service_id"), values.get("region_id")
    if service is not None and tx.get(CatalogService, service) is None:
        raise BadRequest(f"{where.at('service_id').path}: there is no service {service!r}.")
    if region is not None and tx.get(Region, region) is None:
        raise BadRequest(f"{where.at('region_id').path}: there is no region {region!r}.")


def bodies(ctx: Context, many: str) -> list[Any]:
    """The list in a body that makes several at once. Raises BadRequest."""
    given, where = ctx.inner(many), Where(many)
    if not isinstance(given, list) or not 1 <= len(given) <= 1000:
        raise where.wrong(given, "a list of 1 to 1000 objects")
    return given


def _list(ctx: Context) -> object:
    ctx.require("identity:list_registered_limits")
    rows, marker = noun.listed(ctx, RegisteredLimit, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "registered_limits", noun.view(ctx, rows), marker)


def _find(ctx: Context, verb: str) -> RegisteredLimit:
    key = ctx.params["registered_limit_id"]
    return noun.find(ctx, RegisteredLimit, key, f"identity:{verb}_registered_limit")


def _show(ctx: Context) -> object:
    return {"registered_limit": noun.view(ctx, [_find(ctx, "get")])[0]}


def _create(ctx: Context) -> object:
    ctx.require("identity:create_registered_limits")
    rows = []
    for index, given in enumerate(bodies(ctx, "registered_limits")):
        where = Where("registered_limits").at(index)
        values = RegisteredLimit.parse(given, "create", where)
        check_place(ctx.tx, values, where)
        row = RegisteredLimit(**values)
        row.place = place(row.service_id, values.get("region_id"), row.resource_name)
        _free(ctx.tx, row.place, "")
        rows.append(ctx.tx.add(row))
    return {"registered_limits": noun.view(ctx, rows)}


def _free(tx: Tx, at: str, own: str) -> None:
    if tx.exists(RegisteredLimit, RegisteredLimit.place == at, RegisteredLimit.id != own):
        raise Conflict("There is already a registered limit of this resource, service and region.")


def _update(ctx: Context) -> object:
    tx, row, where = ctx.tx, _find(ctx, "update"), Where("registered_limit")
    values = RegisteredLimit.parse(ctx.inner("registered_limit"), "update", where)
    check_place(tx, values, where)
    now = {"service_id": row.service_id, "region_id": row.region_id, "name": row.resource_name}
    new = now | {k: v for k, v in values.items() if k in now}
    new["name"] = values.get("resource_name", row.resource_name)
    if new != now:
        _unused(tx, row)
        values["place"] = place(new["service_id"], new["region_id"], new["name"])
        _free(tx, values["place"], row.id)
    tx.change(row, **values)
    return {"registered_limit": noun.view(ctx, [row])[0]}


def _unused(tx: Tx, row: RegisteredLimit) -> None:
    from .limit import Limit

    if tx.exists(Limit, place=row.place):
        raise Forbidden("Projects or domains have limits of this resource: delete them first.")


def _delete(ctx: Context) -> None:
    row = _find(ctx, "delete")
    _unused(ctx.tx, row)
    ctx.tx.remove(row)


def routes() -> tuple[Route, ...]:
    """The routes of registered limits."""
    path = "/v3/registered_limits"
    one = path + "/{registered_limit_id}"
    return (
        Route("GET", path, _list),
        Route("POST", path, _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
