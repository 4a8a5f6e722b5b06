"""Tokens for requests signed with EC2 credentials, asked for by the services that they reach."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ..core.db import Tx
from ..core.errors import BadRequest, Unauthorized
from ..core.types import Json, Object, Text, Where
from ..wire.context import Context, Response
from ..wire.route import Route
from . import credential, delegation, signature, token_body
from .credential_keys import CredentialKeys
from .passwords import LONGEST
from .payload import Scope, Ties
from .rows import ApplicationCredential
from .signature import Signed
from .standing import user as standing_user
from .tokens import Tokens, refused

_LIFE = timedelta(minutes=15)  # of a signature
_FORM = Object(
    {
        "access": Text(255, 1),
        "signature": Text(LONGEST, 1),
        "token": Text(65535),
        "host": Text(LONGEST),
        "verb": Text(32),
        "path": Text(LONGEST),
        "params": Json(),
        "headers": Json(),
        "body_hash": Text(LONGEST),
    },
    extra=True,
)
_KEYS = ("credentials", "credential", "ec2Credentials")


def _given(ctx: Context) -> dict[str, Any]:
    body = ctx.body if isinstance(ctx.body, dict) else {}
    name = next((key for key in _KEYS if body.get(key)), "")
    if not name:
        raise BadRequest("The body must be an object with the key 'credentials'.")
    found = _FORM.parse(body[name], Where(name))
    for needed in ("access", "signature"):
        if needed not in found:
            raise Unauthorized(f"{name}.{needed} is missing: it is a part of what is signed.")
    for key in ("params", "headers"):
        texts = found.setdefault(key, {})
        if not isinstance(texts, dict):
            raise Where(name).at(key).wrong(texts, "an object of texts")
        found[key] = {str(k): "" if v is None else str(v) for k, v in texts.items()}
    return found


def _signed(given: Mapping[str, Any]) -> Signed:
    texts = {k: given.get(k, "") for k in ("signature", "host", "verb", "path", "body_hash")}
    return Signed(**texts, params=given["params"], headers=given["headers"])


def _ec2(given: Mapping[str, Any], secret: str) -> bool:
    return signature.matches(_signed(given), secret)


def _s3(given: Mapping[str, Any], secret: str) -> bool:
    return signature.s3_matches(given["signature"], given.get("token", ""), secret)


def _answer(ctx: Context, right: Callable[[Mapping[str, Any], str], bool]) -> tuple[str, Any]:
    tx, tokens, given = ctx.tx, ctx.parts[Tokens], _given(ctx)
    row = credential.by_access(tx, given["access"])
    parts = credential.ec2_blob(ctx.parts[CredentialKeys].open(row.key, row.blob))
    if not right(given, parts["secret"]):
        raise Unauthorized("The signature is not that of this access key's secret.")
    written = _signed(given).time()
    if written and signature.moment(written) + _LIFE < tx.now:
        raise Unauthorized("The signature is too old.")
    user_id, ties = _owner(tx, row, parts)
    scope = Scope("project", row.project_id or "")
    token, found = tokens.issue(tx, user_id, ["ec2credential"], scope, ties=ties)
    stored = tokens.snapshot(tx, found.revision).catalog
    return token, token_body.body(found, stored)


def _owner(tx: Tx, row: credential.Credential, parts: Mapping[str, Any]) -> tuple[str, Ties]:
    """Whom the token is for, and what it hangs on: what the credential was made on behalf of."""
    if standing_user(tx, row.user_id) is None:
        raise refused()
    ties = Ties(
        application_credential_id=parts.get("app_cred_id") or "",
        trust_id=parts.get("trust_id") or "",
        access_token_id=parts.get("access_token_id") or "",
    )
    if ties.application_credential_id:
        lender = tx.get(ApplicationCredential, ties.application_credential_id)
        if lender is None or lender.project_id != row.project_id:
            raise refused()
        return row.user_id, ties
    try:
        loan = delegation.lent(tx, ties)
    except KeyError:
        raise refused() from None
    if loan is None:
        return row.user_id, ties
    if loan.scope.id != row.project_id or row.user_id not in (loan.user_id, loan.borrower_id):
        raise refused()
    return loan.user_id, ties


def _ec2_token(ctx: Context) -> Response:
    token, body = _answer(ctx, _ec2)
    return Response(200, body, {"X-Subject-Token": token, "Vary": "X-Auth-Token"})


def _s3_token(ctx: Context) -> Response:
    return Response(200, _answer(ctx, _s3)[1])


def routes() -> tuple[Route, ...]:
    """The two routes; who asks is a service or the admin."""
    return (
        Route("POST", "/v3/ec2tokens", _ec2_token, "identity:ec2tokens_validate", "read"),
        Route("POST", "/v3/s3tokens", _s3_token, "identity:s3tokens_validate", "read"),
    )
