"""Access rules: a user's own, which application credentials are bound to.

A rule lives on its own: it is made with the first credential that names it, shared by those that
name it alike, and stays when they are gone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, Forbidden
from ..core.types import Enum, ListOf, Object, Text, Where
from ..wire.context import Context
from ..wire.route import Route
from . import noun
from .rows import AccessRule, ApplicationCredential, User

_KEYS = ("service", "method", "path")
_FORM = ListOf(
    Object(
        {
            "id": Text(64, 1),
            "service": Text(64, 1),
            # One wildcard a step: what is between two slashes cannot be cut in many ways.
            "path": Text(128, 1, r"(/[^/*{}]*(\*\*?|\{\w+\})?[^/*{}]*)+"),
            "method": Enum("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
        }
    ),
    100,
)


def read(given: object, where: Where) -> list[dict[str, Any]]:
    """The rules that a body names, by id or written out. Raises BadRequest."""
    found = _FORM.parse(given, where)
    for index, rule in enumerate(found):
        if not rule:
            raise where.at(index).wrong(rule, "an object with a service, a method and a path")
    return found


def settle(
    tx: Tx, user_id: str, wanted: Iterable[Mapping[str, Any]], where: Where
) -> list[dict[str, Any]]:
    """The rules as a credential keeps them, each with the id of its row, which is made if need be.

    Raises BadRequest for an id that none of the user's rules has.
    """
    found: dict[str, dict[str, Any]] = {}
    for index, rule in enumerate(wanted):
        row = tx.get(AccessRule, rule["id"]) if "id" in rule else None
        if row is not None and row.user_id != user_id:
            row = None
        if row is None and rule.keys() == {"id"}:
            raise BadRequest(f"{where.at(index).path}: you have no access rule with this id.")
        if row is None:
            same = {key: rule.get(key, "") for key in _KEYS}
            row = tx.one(AccessRule, user_id=user_id, **same)
            row = row or tx.add(AccessRule(user_id=user_id, **same))
        found[row.id] = _plain(row)
    return list(found.values())


def within(rules: Iterable[Mapping[str, Any]], bounds: Iterable[Mapping[str, Any]]) -> bool:
    """Whether all of the rules are among the bounds."""
    known = [[bound.get(key, "") for key in _KEYS] for bound in bounds]
    return all([rule.get(key, "") for key in _KEYS] in known for rule in rules)


def _plain(row: AccessRule) -> dict[str, Any]:
    """A rule as JSON; a key that is left out stands for anything."""
    named = {key: getattr(row, key) for key in _KEYS}
    return {"id": row.id} | {key: value for key, value in named.items() if value}


def delegated(ctx: Context) -> None:
    """Raises Forbidden for a token of a trust or an OAuth access token: what it made would stay."""
    if ctx.who.extra.get("trust_id") or ctx.who.extra.get("access_token_id"):
        raise Forbidden(
            "A token that was lent to you may not manage application credentials or their rules."
        )


def _owner(ctx: Context, rule: str) -> str:
    key = ctx.params["user_id"]
    ctx.require(f"identity:{rule}", {"user_id": key, "target.user.id": key})
    delegated(ctx)
    noun.must(ctx.tx, User, key)
    return key


def _shown(ctx: Context, rows: Iterable[AccessRule]) -> list[dict[str, Any]]:
    at = f"/v3/users/{ctx.params['user_id']}/access_rules"
    return [_plain(row) | {"links": {"self": ctx.url(f"{at}/{row.id}")}} for row in rows]


def _list(ctx: Context) -> object:
    user_id = _owner(ctx, "list_access_rules")
    order = (("id", "asc"),)
    rows, marker = noun.listed(ctx, AccessRule, [AccessRule.user_id == user_id], order)
    return ctx.service.page(ctx, "access_rules", _shown(ctx, rows), marker)


def _one(ctx: Context, rule: str) -> AccessRule:
    user_id = _owner(ctx, rule)
    row = ctx.tx.get(AccessRule, ctx.params["access_rule_id"])
    if row is None or row.user_id != user_id:
        raise noun.absent(AccessRule, ctx.params["access_rule_id"])
    return row


def _show(ctx: Context) -> object:
    return {"access_rule": _shown(ctx, [_one(ctx, "get_access_rule")])[0]}


def _delete(ctx: Context) -> None:
    row = _one(ctx, "delete_access_rule")
    for credential in ctx.tx.all(ApplicationCredential, user_id=row.user_id):
        if any(rule["id"] == row.id for rule in credential.access_rules or ()):
            raise Forbidden(
                "This rule is in use: delete the application credentials that it belongs to first."
            )
    ctx.tx.remove(row)


def routes() -> tuple[Route, ...]:
    """The routes of access rules."""
    at = "/v3/users/{user_id}/access_rules"
    one = at + "/{access_rule_id}"
    return (
        Route("GET", at, _list),
        Route("GET", one, _show),
        Route("DELETE", one, _delete, status=204),
    )
