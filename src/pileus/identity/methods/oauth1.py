"""Log in as a consumer of OAuth 1.0a, by a request that is signed with an access token."""

from collections.abc import Mapping
from typing import Any

from ...core.db import Tx
from ...core.types import Object
from ..oauth1 import signed
from ..oauth1.request_token import secret_of
from ..oauth1.rows import AccessToken
from ..payload import Scope, Ties
from ..tokens import Tokens, refused
from .method import Method, Proof


def _prove(tx: Tx, _tokens: Tokens, given: Mapping[str, Any]) -> Proof:
    request: signed.Signed = given["signed"]
    consumer_id, token = request.needs("oauth_consumer_key", "oauth_token")
    row = tx.get(AccessToken, token)
    if row is None or row.consumer_id != consumer_id or row.expires_at <= tx.now:
        raise refused()
    signed.check(request, tx.now, secret_of(tx, consumer_id), tx.vault.open(row.secret))
    return Proof(
        row.authorizing_user_id,
        ties=Ties(access_token_id=row.id),
        scope=Scope("project", row.project_id),
        expires=row.expires_at,
    )


METHOD = Method(
    "oauth1", Object({}, extra=True), _prove, reads=lambda ctx: {"signed": signed.read(ctx)}
)
