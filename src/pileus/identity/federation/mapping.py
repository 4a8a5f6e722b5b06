"""Mappings: made, listed, shown, changed, removed."""

from collections.abc import Sequence
from typing import Any

from ...core.errors import Conflict
from ...wire.context import Context
from ...wire.route import Route
from .. import noun
from . import mapping_body
from .rows import Mapping, Protocol

PATH = "/v3/OS-FEDERATION/mappings"


def _views(ctx: Context, rows: Sequence[Mapping]) -> list[dict[str, Any]]:
    return noun.view(ctx, rows, PATH)


def _find(ctx: Context, rule: str) -> Mapping:
    return noun.find(ctx, Mapping, ctx.params["mapping_id"], f"identity:{rule}")


def _list(ctx: Context) -> object:
    ctx.require("identity:list_mappings")
    rows, marker = noun.listed(ctx, Mapping, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "mappings", _views(ctx, rows), marker)


def _show(ctx: Context) -> object:
    return {"mapping": _views(ctx, [_find(ctx, "get_mapping")])[0]}


def _create(ctx: Context) -> object:
    ctx.require("identity:create_mapping")
    key = Mapping.attrs["id"].type.parse(ctx.params["mapping_id"], ctx.where.at("id"))
    rules, version = mapping_body.read(ctx.inner("mapping"), key, ctx.where.at("mapping"))
    if ctx.tx.get(Mapping, key) is not None:
        raise Conflict(f"There is already a mapping {key!r}.")
    row = ctx.tx.add(Mapping(id=key, rules=rules, schema_version=version))
    return {"mapping": _views(ctx, [row])[0]}


def _update(ctx: Context) -> object:
    row = _find(ctx, "update_mapping")
    rules, version = mapping_body.read(ctx.inner("mapping"), row.id, ctx.where.at("mapping"))
    ctx.tx.change(row, rules=rules, schema_version=version)
    return {"mapping": _views(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    row = _find(ctx, "delete_mapping")
    user = ctx.tx.one(Protocol, mapping_id=row.id)
    if user is not None:
        raise Conflict(
            f"The protocol {user.id} of the identity provider {user.idp_id} uses this mapping:"
            " give it another one first."
        )
    ctx.tx.remove(row)


def routes() -> tuple[Route, ...]:
    """The routes of mappings."""
    one = f"{PATH}/{{mapping_id}}"
    return (
        Route("GET", PATH, _list),
        Route("GET", one, _show),
        Route("PUT", one, _create, status=201),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
