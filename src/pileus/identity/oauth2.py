"""OAuth 2.0's client credentials (RFC 6749, 4.4): an application credential for a bearer token."""

import base64
from collections.abc import Mapping

from ..core.errors import BadRequest, Fault, Unauthorized
from ..core.types import Where
from ..wire.context import Context, Response
from ..wire.route import FORM, Route
from . import auth
from .auth_body import Wanted
from .methods import METHODS
from .tokens import micros, refused

_METHOD = "application_credential"
_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def token(ctx: Context) -> Response:
    """POST /v3/OS-OAUTH2/token. Its errors have the form of RFC 6749, 5.2."""
    try:
        return _token(ctx)
    except Unauthorized as no:
        challenge = f'Keystone uri="{ctx.request.base}{ctx.service.path}"'
        return _wrong(401, "invalid_client", no.message, {"WWW-Authenticate": challenge})
    except BadRequest as wrong:
        return _wrong(400, wrong.kind or "invalid_request", wrong.message)
    except Fault as fault:
        return _wrong(fault.status, "other_error", fault.message)


def _token(ctx: Context) -> Response:
    form: Mapping[str, str] = ctx.body if isinstance(ctx.body, dict) else {}
    wanted = form.get("grant_type")
    if wanted is None:
        raise BadRequest("The parameter grant_type is required.")
    if wanted != "client_credentials":
        raise BadRequest(
            "grant_type must be client_credentials: no other grant is given here.",
            kind="unsupported_grant_type",
        )
    key, secret = _client(ctx, form)
    try:
        given = METHODS[_METHOD].form.parse({"id": key, "secret": secret}, Where())
    except BadRequest:
        raise refused() from None
    answer = auth.authenticate(ctx, Wanted((_METHOD,), {_METHOD: given}, None))
    if isinstance(answer, Response):  # a receipt: the user's rules ask for more than a client has
        raise refused()
    now = micros(ctx.db.clock.now())
    body = {
        "access_token": answer.token,
        "token_type": "Bearer",
        "expires_in": max(0, (answer.found.payload.expires - now) // 10**6),
    }
    return Response(200, body, dict(_KEPT))


def _client(ctx: Context, form: Mapping[str, str]) -> tuple[str, str]:
    """The client's id and secret, from the header or else the form. Raises Unauthorized."""
    kind, _, given = ctx.request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            key, colon, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            raise refused() from None
        if not colon:
            raise refused()
        return key, secret
    key, secret = form.get("client_id", ""), form.get("client_secret", "")
    if not (key and secret):
        raise refused()
    return key, secret


def _wrong(status: int, error: str, text: str, more: dict[str, str] | None = None) -> Response:
    body = {"error": error, "error_description": text}
    return Response(status, body, _KEPT | (more or {}))


def routes() -> tuple[Route, ...]:
    """The route of OAuth 2.0."""
    at = "/v3/OS-OAUTH2/token"
    return (Route("POST", at, token, tx="none", auth=False, slow=True, media=(FORM,)),)
