"""Consumers: made, listed, shown, changed and deleted by the admin."""

import secrets
from typing import Any

from ...core.errors import BadRequest
from ...wire.context import Context
from .. import noun
from ..revision import bump
from .rows import AccessToken, Consumer, RequestToken

_AT = "/v3/OS-OAUTH1/consumers"


def _shown(ctx: Context, rows: list[Consumer]) -> list[dict[str, Any]]:
    return noun.view(ctx, rows, _AT)


def _body(ctx: Context, row: Consumer | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    given = ctx.inner("consumer")
    if isinstance(given, dict) and "secret" in given:
        raise BadRequest("consumer.secret is made here and cannot be set.")
    return noun.body(ctx, Consumer, row)


def _find(ctx: Context, verb: str) -> Consumer:
    return noun.find(ctx, Consumer, ctx.params["consumer_id"], f"identity:{verb}_consumer")


def list_(ctx: Context) -> object:
    """GET /v3/OS-OAUTH1/consumers."""
    ctx.require("identity:list_consumers")
    rows, marker = noun.listed(ctx, Consumer, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "consumers", _shown(ctx, rows), marker)


def show(ctx: Context) -> object:
    """GET /v3/OS-OAUTH1/consumers/{id}."""
    return {"consumer": _shown(ctx, [_find(ctx, "get")])[0]}


def create(ctx: Context) -> object:
    """POST /v3/OS-OAUTH1/consumers: the only answer with the secret."""
    ctx.require("identity:create_consumer")
    values, free = _body(ctx)
    secret = secrets.token_hex(16)
    row = ctx.tx.add(Consumer(**values, secret=ctx.tx.vault.seal(secret), extra=free))
    return {"consumer": _shown(ctx, [row])[0] | {"secret": secret}}


def update(ctx: Context) -> object:
    """PATCH /v3/OS-OAUTH1/consumers/{id}."""
    row = _find(ctx, "update")
    values, free = _body(ctx, row)
    ctx.tx.change(row, extra=row.extra | free, **values)
    return {"consumer": _shown(ctx, [row])[0]}


def delete(ctx: Context) -> None:
    """DELETE /v3/OS-OAUTH1/consumers/{id}: what users authorised for it ends."""
    row = _find(ctx, "delete")
    ctx.tx.remove_where(RequestToken, consumer_id=row.id)
    ctx.tx.remove_where(AccessToken, consumer_id=row.id)
    ctx.tx.remove(row)
    bump(ctx.tx)
