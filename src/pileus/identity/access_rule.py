"""A user's access rules, as they stand in its application credentials."""

from typing import Any

from ..core.errors import Forbidden, NotFound
from ..wire.context import Context
from ..wire.route import Route
from . import noun
from .rows import ApplicationCredential, User


def _rules(ctx: Context, rule: str) -> list[dict[str, Any]]:
    key = ctx.params["user_id"]
    ctx.require(f"identity:{rule}", {"user_id": key, "target.user.id": key})
    noun.must(ctx.tx, User, key)
    rows = ctx.tx.all(ApplicationCredential, user_id=key)
    found = []
    for row in rows:
        for one in row.access_rules or ():
            here = ctx.url(f"/v3/users/{key}/access_rules/{one['id']}")
            found.append(one | {"links": {"self": here}})
    return found


def _list(ctx: Context) -> object:
    return ctx.service.page(ctx, "access_rules", _rules(ctx, "list_access_rules"), "")


def _one(ctx: Context, rule: str) -> dict[str, Any]:
    key = ctx.params["access_rule_id"]
    for one in _rules(ctx, rule):
        if one["id"] == key:
            return one
    raise NotFound(f"There is no access rule with the id {key[:255]}.")


def _show(ctx: Context) -> object:
    return {"access_rule": _one(ctx, "get_access_rule")}


def _delete(ctx: Context) -> None:
    _one(ctx, "delete_access_rule")
    raise Forbidden("This rule is in use: delete the application credential that it belongs to.")


def routes() -> tuple[Route, ...]:
    """The routes of access rules."""
    at = "/v3/users/{user_id}/access_rules"
    one = at + "/{access_rule_id}"
    return (
        Route("GET", at, _list),
        Route("GET", one, _show),
        Route("DELETE", one, _delete, status=204),
    )
