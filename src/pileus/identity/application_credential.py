"""Application credentials: a secret of its own for a program that works for a user."""

import secrets
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, Forbidden
from ..core.types import ListOf, Object, Text
from ..wire.context import Context
from ..wire.route import Route
from . import access_rule, noun
from .passwords import LONGEST
from .revision import bump
from .rows import ApplicationCredential, Role, User
from .tokens import Tokens

_ROLES = ListOf(Object({"id": Text(64, 1), "name": Text(255, 1)}, extra=True), 100)
_SECRET = Text(LONGEST, 1)
_AT = "/v3/users/{user_id}/application_credentials"
_OWN_KEYS = ("secret", "roles", "access_rules")


def _shown(ctx: Context, rows: list[ApplicationCredential]) -> list[dict[str, Any]]:
    names = {r.id: r for r in ctx.tx.all(Role)}
    found = noun.view(ctx, rows, _AT.replace("{user_id}", ctx.params["user_id"]))
    for one, row in zip(found, rows, strict=True):
        held = [names[r] for r in row.role_ids if r in names]
        one["roles"] = [{"id": r.id, "name": r.name, "domain_id": r.domain_id} for r in held]
        one["user_id"] = row.user_id
        if row.access_rules is not None:
            one["access_rules"] = row.access_rules
    return found


def _own(ctx: Context, rule: str) -> str:
    """The user in the path, whose credentials the caller may touch."""
    key = ctx.params["user_id"]
    ctx.require(f"identity:{rule}", {"user_id": key, "target.user.id": key})
    access_rule.delegated(ctx)
    return key


def _unrestricted(ctx: Context) -> None:
    if ctx.who.extra.get("restricted"):
        raise Forbidden(
            "This token is from a restricted application credential,"
            " which may not manage application credentials."
        )


def _list(ctx: Context) -> object:
    user_id = _own(ctx, "list_application_credentials")
    noun.must(ctx.tx, User, user_id)
    where = [ApplicationCredential.user_id == user_id]
    rows, marker = noun.listed(ctx, ApplicationCredential, where)
    return ctx.service.page(ctx, "application_credentials", _shown(ctx, rows), marker)


def _find(ctx: Context, rule: str) -> ApplicationCredential:
    user_id = ctx.params["user_id"]
    row = ctx.tx.get(ApplicationCredential, ctx.params["application_credential_id"])
    # Whose it is counts, and not whom the path names.
    owner = row.user_id if row is not None else user_id
    ctx.require(f"identity:{rule}", {"user_id": owner, "target.user.id": owner})
    if row is None or row.user_id != user_id:
        raise noun.absent(ApplicationCredential, ctx.params["application_credential_id"])
    return row


def _show(ctx: Context) -> object:
    row = _find(ctx, "get_application_credential")
    return {"application_credential": _shown(ctx, [row])[0]}


def _create(ctx: Context) -> object:
    user_id = _own(ctx, "create_application_credential")
    _unrestricted(ctx)
    if not ctx.who.project_id:
        raise BadRequest("An application credential is for a project: use a token for one.")
    where = ctx.where.at("application_credential")
    values, _ = noun.body(ctx, ApplicationCredential, skip=_OWN_KEYS)
    given = ctx.inner("application_credential")
    secret = given.get("secret")
    secret = (
        secrets.token_urlsafe(64) if secret is None else _SECRET.parse(secret, where.at("secret"))
    )
    at = where.at("access_rules")
    rules = access_rule.read(given.get("access_rules") or [], at)  # none restrict nothing
    bounds = ctx.who.extra.get("access_rules")
    stored = ctx.parts[Tokens].passwords.hash(secret)

    def work(tx: Tx) -> object:
        ctx._tx = tx
        expires = values.get("expires_at")
        if expires is not None and expires <= tx.now:
            raise BadRequest(f"{where.at('expires_at').path} lies in the past.")
        here = ApplicationCredential.user_id == user_id
        noun.taken(tx, ApplicationCredential, values["name"], here)
        settled = access_rule.settle(tx, user_id, rules, at)
        if bounds is not None and not (settled and access_rule.within(settled, bounds)):
            raise Forbidden(
                "This token's access rules bind what it makes: name some of them, and no others."
            )
        row = ApplicationCredential(**values, secret_hash=stored, access_rules=settled or None)
        row.user_id, row.project_id = user_id, ctx.who.project_id
        row.role_ids = _roles(ctx, given.get("roles"))
        tx.add(row)
        return {"application_credential": _shown(ctx, [row])[0] | {"secret": secret}}

    return ctx.db.run(work)


def _roles(ctx: Context, wanted: object) -> list[str]:
    """The ids of the roles that the credential has: those asked for, or all that the token has."""
    tokens = ctx.parts[Tokens]
    token = ctx.request.headers.get("x-auth-token", "")
    held = tokens.understand(ctx.tx, token).roles
    if not wanted:
        return list(held)
    found = []
    where = ctx.where.at("application_credential").at("roles")
    for index, role in enumerate(_ROLES.parse(wanted, where)):
        ids = [i for i, name in held.items() if i == role.get("id") or name == role.get("name")]
        if not ids:
            raise BadRequest(f"{where.at(index).path}: you do not have this role on the project.")
        found += ids
    return list(dict.fromkeys(found))


def lose_role(tx: Tx, role_id: str) -> None:
    """Delete the credentials that carry a role that is being deleted."""
    for row in tx.all(ApplicationCredential):
        if role_id in row.role_ids:
            tx.remove(row)


def _delete(ctx: Context) -> None:
    row = _find(ctx, "delete_application_credential")
    _unrestricted(ctx)
    ctx.tx.remove(row)
    bump(ctx.tx)


def routes() -> tuple[Route, ...]:
    """The routes of application credentials."""
    one = _AT + "/{application_credential_id}"
    return (
        Route("GET", _AT, _list),
        Route("POST", _AT, _create, tx="none", status=201, slow=True),
        Route("GET", one, _show),
        Route("DELETE", one, _delete, status=204),
    )
