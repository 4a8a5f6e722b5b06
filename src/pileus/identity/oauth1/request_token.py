"""Request tokens: asked for by a consumer, authorised by a user."""

import secrets
import string
from datetime import datetime, timedelta
from urllib.parse import urlencode

from ...core.db import Tx
from ...core.errors import BadRequest, Forbidden, NotFound, Unauthorized
from ...core.types import Field, ListOf, Object, Text, Where
from ...wire.context import Context, Response
from .. import noun, standing
from ..payload import Scope
from ..revision import current
from ..rows import Project, Role
from ..tokens import Tokens
from . import signed
from .rows import STAMP, Consumer, RequestToken

_LIFE = timedelta(hours=8)
_LETTERS = string.ascii_letters + string.digits
_ROLES = Object(
    {
        "roles": Field(
            ListOf(Object({"id": Text(64, 1), "name": Text(255, 1)}, extra=True), 100, 1),
            required=True,
        )
    },
    extra=True,
)


def form(id_: str, secret: str, expires: datetime) -> Response:
    """A new token, its secret and its end, as OAuth tells them."""
    told = {
        "oauth_token": id_,
        "oauth_token_secret": secret,
        "oauth_expires_at": expires.strftime(STAMP),
    }
    # Clients of old read a time with its colons as it is.
    text = urlencode(told, safe=":")
    return Response(201, text.encode(), media="application/x-www-form-urlencoded")


def secret_of(tx: Tx, consumer_id: str) -> str:
    """A consumer's secret. Raises Unauthorized where there is no such consumer."""
    row = tx.get(Consumer, consumer_id)
    if row is None:
        raise Unauthorized("There is no consumer with this oauth_consumer_key.")
    return tx.vault.open(row.secret)


def undelegated(ctx: Context) -> None:
    """Raises Forbidden for a token that was itself made on somebody's behalf."""
    who = ctx.who.extra
    if any(who.get(k) for k in ("application_credential", "trust_id", "access_token_id")):
        raise Forbidden("A token that came of a delegation may not manage access for consumers.")


def create(ctx: Context) -> Response:
    """POST /v3/OS-OAUTH1/request_token, signed by the consumer."""
    tx, request = ctx.tx, signed.read(ctx)
    (consumer_id,) = request.needs("oauth_consumer_key")
    project_id = ctx.request.headers.get("requested-project-id", "")
    if not project_id:
        raise BadRequest("The header Requested-Project-Id is missing.")
    signed.check(request, tx.now, secret_of(tx, consumer_id))
    noun.must(tx, Project, project_id)
    tx.remove_where(RequestToken, RequestToken.expires_at < tx.now)
    secret = secrets.token_hex(16)
    row = tx.add(
        RequestToken(
            consumer_id=consumer_id,
            project_id=project_id,
            secret=tx.vault.seal(secret),
            expires_at=tx.now + _LIFE,
        )
    )
    return form(row.id, secret, row.expires_at)


def authorize(ctx: Context) -> object:
    """PUT /v3/OS-OAUTH1/authorize/{id}: the user lends roles that it has on the project."""
    ctx.require("identity:authorize_request_token")
    undelegated(ctx)
    tx = ctx.tx
    row = noun.must(tx, RequestToken, ctx.params["request_token_id"])
    if row.expires_at <= tx.now:
        raise Unauthorized("The request token has expired.")
    wanted = [_role(tx, one) for one in _ROLES.parse(ctx.body, Where())["roles"]]
    held = standing.held(tx, ctx.who.user_id, Scope("project", row.project_id))
    every = ctx.parts[Tokens].snapshot(tx, current(tx)).roles.closure(held)
    if not {role.id for role in wanted} <= every.keys():
        raise Unauthorized("You do not have all of these roles on the project.")
    verifier = "".join(secrets.choice(_LETTERS) for _ in range(8))
    ids = sorted({role.id for role in wanted})
    tx.change(row, user_id=ctx.who.user_id, verifier=verifier, role_ids=ids)
    return {"token": {"oauth_verifier": verifier}}


def _role(tx: Tx, named: dict[str, str]) -> Role:
    if "id" in named:
        return noun.must(tx, Role, named["id"])
    found = tx.one(Role, name=named.get("name", ""), scope="")
    if found is None:
        raise NotFound(f"There is no role named {named.get('name', '')!r}.")
    return found
