"""Protocols: how one can log in at an identity provider, and by which mapping."""

from collections.abc import Sequence
from typing import Any

from ...core.errors import BadRequest, Conflict, NotFound
from ...wire.context import Context
from ...wire.route import Route
from .. import noun
from ..revision import bump
from ..tokens import Tokens
from .identity_provider import PATH, drop_users
from .rows import ExpiringMember, FederatedUser, IdentityProvider, Mapping, Protocol


def _views(ctx: Context, rows: Sequence[Protocol]) -> list[dict[str, Any]]:
    idp_id = ctx.params["idp_id"]
    found = noun.view(ctx, rows, f"{PATH}/{idp_id}/protocols")
    for one in found:
        one["links"]["identity_provider"] = ctx.url(f"{PATH}/{idp_id}")
    return found


def _find(ctx: Context, rule: str) -> Protocol:
    idp_id, key = ctx.params["idp_id"], ctx.params["protocol_id"]
    ctx.require(f"identity:{rule}")
    found = ctx.tx.get(Protocol, idp_id, key)
    if found is None:
        raise NotFound(f"The identity provider {idp_id[:255]} has no protocol {key[:255]}.")
    return found


def _of(ctx: Context) -> IdentityProvider:
    return noun.must(ctx.tx, IdentityProvider, ctx.params["idp_id"])


def _list(ctx: Context) -> object:
    ctx.require("identity:list_protocols")
    rows = ctx.tx.all(Protocol, idp_id=_of(ctx).id, order=[Protocol.id])
    shown = [one | {"idp_id": ctx.params["idp_id"]} for one in _views(ctx, rows)]
    return ctx.service.page(ctx, "protocols", shown, "")


def _show(ctx: Context) -> object:
    return {"protocol": _views(ctx, [_find(ctx, "get_protocol")])[0]}


def _read(ctx: Context, verb: Any) -> dict[str, Any]:
    where = ctx.where.at("protocol")
    values = Protocol.parse(ctx.inner("protocol"), verb, where)
    mapping = values.get("mapping_id")
    if mapping is not None and ctx.tx.get(Mapping, mapping) is None:
        raise BadRequest(f"{where.at('mapping_id').path}: there is no mapping {mapping!r}.")
    return values


def _create(ctx: Context) -> object:
    ctx.require("identity:create_protocol")
    values = _read(ctx, "create")
    key = Protocol.attrs["id"].type.parse(ctx.params["protocol_id"], ctx.where.at("id"))
    idp = _of(ctx)
    if ctx.tx.get(Protocol, idp.id, key) is not None:
        raise Conflict(f"The identity provider {idp.id} has a protocol {key!r} already.")
    row = ctx.tx.add(Protocol(idp_id=idp.id, id=key, **values))
    return {"protocol": _views(ctx, [row])[0]}


def _update(ctx: Context) -> object:
    row = _find(ctx, "update_protocol")
    ctx.tx.change(row, **_read(ctx, "update"))
    return {"protocol": _views(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    row = _find(ctx, "delete_protocol")
    known = ctx.tx.all(FederatedUser, idp_id=row.idp_id, protocol_id=row.id)
    drop_users(ctx.tx, ctx.parts[Tokens].hours, known)
    if not ctx.tx.exists(FederatedUser, idp_id=row.idp_id):
        ctx.tx.remove_where(ExpiringMember, idp_id=row.idp_id)
    ctx.tx.remove(row)
    bump(ctx.tx)


def routes() -> tuple[Route, ...]:
    """The routes of protocols."""
    many = f"{PATH}/{{idp_id}}/protocols"
    one = f"{many}/{{protocol_id}}"
    return (
        Route("GET", many, _list),
        Route("GET", one, _show),
        Route("PUT", one, _create, status=201),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
