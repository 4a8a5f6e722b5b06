"""Policies: documents that operators keep for other programs; Pileus itself reads none of them."""

from ..wire.context import Context
from ..wire.route import Route
from . import dependents, noun
from .rows_catalog import PolicyDocument


def find(ctx: Context, rule: str) -> PolicyDocument:
    """The policy of the path. Raises Forbidden, NotFound."""
    return noun.find(ctx, PolicyDocument, ctx.params["policy_id"], f"identity:{rule}")


def _list(ctx: Context) -> object:
    ctx.require("identity:list_policies")
    rows, marker = noun.listed(ctx, PolicyDocument, sort=(("id", "asc"),))
    return ctx.service.page(ctx, "policies", noun.view(ctx, rows), marker)


def _show(ctx: Context) -> object:
    return {"policy": noun.view(ctx, [find(ctx, "get_policy")])[0]}


def _create(ctx: Context) -> object:
    ctx.require("identity:create_policy")
    values, free = noun.body(ctx, PolicyDocument)
    return {"policy": noun.view(ctx, [ctx.tx.add(PolicyDocument(extra=free, **values))])[0]}


def _update(ctx: Context) -> object:
    row = find(ctx, "update_policy")
    values, free = noun.body(ctx, PolicyDocument, row)
    ctx.tx.change(row, extra=row.extra | free, **values)
    return {"policy": noun.view(ctx, [row])[0]}


def _delete(ctx: Context) -> None:
    row = find(ctx, "delete_policy")
    dependents.of_policy(ctx.tx, row.id)
    ctx.tx.remove(row)


def routes() -> tuple[Route, ...]:
    """The routes of policies."""
    one = "/v3/policies/{policy_id}"
    return (
        Route("GET", "/v3/policies", _list),
        Route("POST", "/v3/policies", _create, status=201),
        Route("GET", one, _show),
        Route("PATCH", one, _update),
        Route("DELETE", one, _delete, status=204),
    )
