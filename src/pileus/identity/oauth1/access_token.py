"""Access tokens: given for an authorised request token, shown to and taken away by the user."""

import hmac
import secrets
from datetime import timedelta
from typing import Any

from ...core.db import Tx
from ...core.errors import NotFound, Unauthorized
from ...wire.context import Context, Response
from .. import delegation, noun
from ..delegation import Lending, Loan
from ..payload import Scope
from ..revision import bump
from ..rows import Role, User
from . import signed
from .request_token import form, secret_of, undelegated
from .rows import AccessToken, RequestToken

_LIFE = timedelta(days=1)
_AT = "/v3/users/{user_id}/OS-OAUTH1/access_tokens"


def _loan(tx: Tx, id_: str) -> Loan | None:
    row = tx.get(AccessToken, id_)
    if row is None or row.expires_at <= tx.now:
        return None
    return Loan(
        user_id=row.authorizing_user_id,
        lender_id=row.authorizing_user_id,
        borrower_id=row.authorizing_user_id,
        scope=Scope("project", row.project_id),
        role_ids=tuple(row.role_ids),
        expires=row.expires_at,
        shown={"OS-OAUTH1": {"access_token_id": row.id, "consumer_id": row.consumer_id}},
    )


delegation.KINDS["access_token"] = Lending(_loan)


def create(ctx: Context) -> Response:
    """POST /v3/OS-OAUTH1/access_token, signed by the consumer with the request token."""
    tx, request = ctx.tx, signed.read(ctx)
    consumer_id, token, verifier = request.needs(
        "oauth_consumer_key", "oauth_token", "oauth_verifier"
    )
    asked = tx.get(RequestToken, token)
    if asked is None or asked.consumer_id != consumer_id or asked.expires_at <= tx.now:
        raise Unauthorized("This consumer has no such request token, or it has expired.")
    signed.check(request, tx.now, secret_of(tx, consumer_id), tx.vault.open(asked.secret))
    if asked.user_id is None or asked.verifier is None:
        raise Unauthorized("No user has authorised the request token yet.")
    if not hmac.compare_digest(asked.verifier.encode(), verifier.encode()):
        raise Unauthorized("oauth_verifier is not the one that the user was given.")
    secret = secrets.token_hex(16)
    row = tx.add(
        AccessToken(
            consumer_id=consumer_id,
            project_id=asked.project_id,
            authorizing_user_id=asked.user_id,
            secret=tx.vault.seal(secret),
            expires_at=tx.now + _LIFE,
            role_ids=asked.role_ids,
        )
    )
    tx.remove(asked)
    return form(row.id, secret, row.expires_at)


def _shown(ctx: Context, rows: list[AccessToken]) -> list[dict[str, Any]]:
    path = _AT.replace("{user_id}", ctx.params["user_id"])
    found = noun.view(ctx, rows, path)
    for one in found:
        one["links"]["roles"] = ctx.url(f"{path}/{one['id']}/roles")
    return found


def _find(ctx: Context, rule: str) -> AccessToken:
    ctx.require(f"identity:{rule}")
    undelegated(ctx)
    row = noun.must(ctx.tx, AccessToken, ctx.params["access_token_id"])
    if row.authorizing_user_id != ctx.params["user_id"]:
        raise noun.absent(AccessToken, row.id)
    return row


def list_(ctx: Context) -> object:
    """GET /v3/users/{id}/OS-OAUTH1/access_tokens."""
    ctx.require("identity:list_access_tokens")
    undelegated(ctx)
    user = noun.must(ctx.tx, User, ctx.params["user_id"])
    rows = ctx.tx.all(AccessToken, authorizing_user_id=user.id, order=[AccessToken.id])
    return ctx.service.page(ctx, "access_tokens", _shown(ctx, rows), "")


def show(ctx: Context) -> object:
    """GET /v3/users/{id}/OS-OAUTH1/access_tokens/{id}."""
    return {"access_token": _shown(ctx, [_find(ctx, "get_access_token")])[0]}


def delete(ctx: Context) -> None:
    """DELETE /v3/users/{id}/OS-OAUTH1/access_tokens/{id}: tokens that came of it end."""
    ctx.tx.remove(_find(ctx, "delete_access_token"))
    bump(ctx.tx)


def roles(ctx: Context) -> object:
    """GET /v3/users/{id}/OS-OAUTH1/access_tokens/{id}/roles."""
    ids = _find(ctx, "list_access_token_roles").role_ids
    found = ctx.tx.all(Role, id=ids, order=[Role.name])
    return ctx.service.page(ctx, "roles", noun.view(ctx, found), "")


def role(ctx: Context) -> object:
    """GET /v3/users/{id}/OS-OAUTH1/access_tokens/{id}/roles/{id}."""
    key = ctx.params["role_id"]
    if key not in _find(ctx, "get_access_token_role").role_ids:
        raise NotFound(f"The access token has no role with the id {key[:255]}.")
    return {"role": noun.view(ctx, [noun.must(ctx.tx, Role, key)])[0]}
