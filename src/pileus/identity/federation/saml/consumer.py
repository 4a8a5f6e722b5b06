"""Take the responses of identity providers: the assertion consumer service."""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ....config import Config
from ....core.db import Tx
from ....core.errors import BadRequest, TooLarge, Unauthorized, UnsupportedMediaType
from ....wire.context import Context, Response
from ....wire.route import Route
from .. import cookie, login, mapped, session, websso
from ..identity_provider import PATH
from ..provider import Providers
from ..settings import Saml
from . import assertion, document, relay
from .names import MEDIA, NAMES

SHARED = "/v3/auth/OS-FEDERATION/saml2/acs"
# Where clouds that have a Shibboleth in front of Keystone take responses: others know it by that.
STAND_INS = {"/Shibboleth.sso/SAML2/ECP": SHARED}
_MOST = 1 << 19
_FORM = "application/x-www-form-urlencoded"


def _take(ctx: Context) -> Response:
    idp_id, protocol_id = ctx.params["idp_id"], ctx.params["protocol_id"]
    ctx.db.read(lambda tx: mapped.way_in(tx, idp_id, protocol_id))
    settings = ctx.parts[Providers].of(idp_id, protocol_id)
    if not isinstance(settings, Saml):
        raise Unauthorized("This identity provider is not set up for SAML2.")
    kind = ctx.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM:
        return _from_browser(ctx, settings)
    if kind in (MEDIA, "text/xml"):
        return _from_enhanced_client(ctx, settings)
    raise UnsupportedMediaType(f"Send a SAML response as {MEDIA} or {_FORM}.")


def _body(ctx: Context) -> bytes:
    found = b""
    for piece in ctx.request.chunks():
        found += piece
        if len(found) > _MOST:
            raise TooLarge(f"A SAML response has at most {_MOST} bytes.")
    return found


def _read(
    ctx: Context, settings: Saml, response: Any, request_id: str, *here: str
) -> assertion.Told:
    own = ctx.parts[Providers].entity_id(login.base(ctx))
    return assertion.read(settings, response, here, own, request_id, ctx.db.clock.now())


def _here(ctx: Context) -> str:
    return relay.consumer(login.base(ctx), ctx.params["idp_id"], ctx.params["protocol_id"])


def _from_browser(ctx: Context, settings: Saml) -> Response:
    """Only to a browser that has begun to log in here: nobody can log it in as somebody else."""
    state = websso.remembered(ctx, _here(ctx))
    try:
        given = parse_qs(_body(ctx).decode("ascii"), max_num_fields=10)
        response = base64.b64decode("".join(given["SAMLResponse"][0].split()), validate=True)
    except (KeyError, ValueError, binascii.Error):
        raise BadRequest("The form must have SAMLResponse, in base64.") from None
    told = _read(ctx, settings, document.parse(response), state["id"], _here(ctx))
    token, _ = login.issue(
        ctx,
        ctx.params["idp_id"],
        ctx.params["protocol_id"],
        told.vouch,
        before=lambda tx: assertion.use(tx, told),
    )
    return websso.page(ctx, state["origin"], token)


def _from_enhanced_client(ctx: Context, settings: Saml) -> Response:
    """A response by ECP; unasked-for ones come from clouds that this cloud's operator trusts."""
    idp_id, protocol_id = ctx.params["idp_id"], ctx.params["protocol_id"]
    envelope, response = _enveloped(ctx)
    said = document.text(envelope.find("S:Header/ecp:RelayState", NAMES))
    state = relay.open_state(ctx, "ecp", said)
    if state is not None and state["for"] != _here(ctx):
        raise Unauthorized("The SAML response answers a request for another place.")
    request_id = state["id"] if state is not None else ""
    told = _read(ctx, settings, response, request_id, _here(ctx))
    return _kept(ctx, idp_id, protocol_id, told)


def _enveloped(ctx: Context) -> tuple[Any, Any]:
    """The SOAP envelope of the body, and the response in it. Raises Unauthorized."""
    envelope = document.parse(_body(ctx))
    response = envelope.find("S:Body/samlp:Response", NAMES)
    if response is None:
        raise Unauthorized("The SOAP envelope holds no SAML response.")
    return envelope, response


def _take_shared(ctx: Context) -> Response:
    """A response that another cloud sends to one place for all: who sends it says which one."""
    _, response = _enveloped(ctx)
    issuer = document.text(response.find("saml:Issuer", NAMES))
    providers = ctx.parts[Providers]
    found = [
        (idp_id, protocol_id, one)
        for idp_id, protocols in providers.settings.identity_providers.items()
        for protocol_id, one in protocols.items()
        if isinstance(one, Saml) and one.entity_id == issuer
    ]
    if len(found) != 1:
        raise Unauthorized(f"{len(found)} identity providers are set up as {issuer[:200]!r}.")
    idp_id, protocol_id, settings = found[0]
    places = [login.base(ctx) + SHARED]
    places += [ctx.parts[Config].catalog_url + outside for outside in STAND_INS]
    return _kept(ctx, idp_id, protocol_id, _read(ctx, settings, response, "", *places))


def _kept(ctx: Context, idp_id: str, protocol_id: str, told: assertion.Told) -> Response:
    """Let the client fetch its token with a cookie."""

    def keep(tx: Tx) -> str:
        mapped.way_in(tx, idp_id, protocol_id)
        assertion.use(tx, told)
        return session.keep(tx, idp_id, protocol_id, told.vouch)

    secret = login.once_more(ctx, keep)
    there = f"{login.base(ctx)}{PATH}/{idp_id}/protocols/{protocol_id}/auth"
    secure, path = there.startswith("https:"), urlsplit(there).path
    kept = cookie.write(session.COOKIE, secret, path, session.SECONDS, secure, False)
    return Response(303, None, {"Location": there, "Set-Cookie": kept, "Cache-Control": "no-store"})


def routes() -> tuple[Route, ...]:
    """The routes, which take as long as their client sends."""
    path = "/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/acs"
    return (
        Route("POST", path, _take, tx="none", auth=False, stream=True),
        Route("POST", SHARED, _take_shared, tx="none", auth=False, stream=True),
    )
