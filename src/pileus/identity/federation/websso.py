"""Log in by the browser, for a dashboard: WebSSO.

The dashboard sends the browser here with `?origin=` itself. The user logs in at the identity
provider, comes back here, and a form carries the token to the dashboard. What this cloud must know
again when the browser comes back stands in a cookie that only it can read.
"""

import html
import secrets
from urllib.parse import urlsplit, urlunsplit

from ...core.errors import BadRequest, Unauthorized
from ...wire.context import Context, Response
from ...wire.route import Route
from . import cookie, login, mapped
from .oidc import code
from .provider import Providers
from .rows import IdentityProvider, Protocol
from .saml import asking, relay
from .saml.keypair import Keypair
from .settings import Oidc, Saml

_AT = "/v3/auth/OS-FEDERATION"
_COOKIE = "pileus-websso"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Logging in</title></head><body>
<form id="sso" action="{host}" method="post"><input type="hidden" name="token" value="{token}">
<noscript><button type="submit">Continue</button></noscript></form>
<script nonce="{nonce}">document.getElementById("sso").submit()</script></body></html>
"""


def _lower(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.lower()))


def origin(ctx: Context) -> str:
    """The dashboard that asks. Raises BadRequest, or Unauthorized for one that is not trusted."""
    asked = ctx.request.get("origin")
    if not asked:
        raise BadRequest("The query must have `origin`, the dashboard's URL.")
    trusted = ctx.parts[Providers].settings.trusted_dashboards
    try:
        known = _lower(asked) in {_lower(one) for one in trusted}
    except ValueError:
        known = False
    if not known:
        raise Unauthorized(f"{asked[:255]} is not a trusted dashboard.")
    return asked


def _back(ctx: Context, idp_id: str, protocol_id: str) -> str:
    path = f"{_AT}/identity_providers/{idp_id}/protocols/{protocol_id}/websso"
    return login.base(ctx) + path


def _of_protocol(ctx: Context) -> Response:
    """Without an identity provider in the path there must be one that can be meant."""
    protocol_id = ctx.params["protocol_id"]
    settings = ctx.parts[Providers].settings
    origin(ctx)
    enabled = ctx.db.read(lambda tx: tx.all(IdentityProvider, enabled=True))
    speaking = ctx.db.read(lambda tx: tx.all(Protocol, id=protocol_id))
    those = {p.idp_id for p in speaking} & {i.id for i in enabled}
    found = sorted(one for one in those if settings.of(one, protocol_id) is not None)
    if not found:
        raise Unauthorized(f"No identity provider is set up for the protocol {protocol_id[:64]}.")
    if len(found) > 1:
        raise BadRequest(
            f"The identity providers {', '.join(found)} speak {protocol_id}: use {_AT}"
            f"/identity_providers/…/protocols/{protocol_id}/websso."
        )
    return _start(ctx, found[0], protocol_id)


def _of_provider(ctx: Context) -> Response:
    idp_id, protocol_id = ctx.params["idp_id"], ctx.params["protocol_id"]
    ctx.db.read(lambda tx: mapped.way_in(tx, idp_id, protocol_id))
    if ctx.request.get("state") is not None:
        return _finish(ctx, idp_id, protocol_id)
    return _start(ctx, idp_id, protocol_id)


def _start(ctx: Context, idp_id: str, protocol_id: str) -> Response:
    host, providers = origin(ctx), ctx.parts[Providers]
    settings = providers.of(idp_id, protocol_id)
    back = _back(ctx, idp_id, protocol_id)
    if isinstance(settings, Oidc):
        made = code.begin()
        where = code.address(providers, settings, made, back)
        return _redirect(ctx, where, {**made, "origin": host, "for": back}, posted=False)
    if isinstance(settings, Saml) and settings.sso_url:
        here, key = relay.consumer(login.base(ctx), idp_id, protocol_id), relay.new_id()
        own, now = providers.entity_id(login.base(ctx)), ctx.db.clock.now()
        where = asking.address(settings.sso_url, own, key, here, now, ctx.parts[Keypair])
        return _redirect(ctx, where, {"id": key, "origin": host, "for": here}, posted=True)
    raise Unauthorized(
        "The settings of this cloud's federation do not say how to reach this identity provider."
    )


def _redirect(ctx: Context, where: str, state: dict[str, str], posted: bool) -> Response:
    """Send the browser away, with what must be known when it comes back."""
    secure = login.base(ctx).startswith("https:")
    value = relay.seal(ctx, "websso", state)
    path = urlsplit(login.base(ctx)).path + _AT
    kept = cookie.write(_COOKIE, value, path, relay.LIFE, secure, posted)
    return Response(302, None, {"Location": where, "Set-Cookie": kept, "Cache-Control": "no-store"})


def remembered(ctx: Context, back: str) -> dict[str, str]:
    """What the browser's cookie says of the login that it comes back from.

    Raises Unauthorized when it is none of this cloud's, too old, or for another place than `back`.
    """
    found = relay.open_state(ctx, "websso", cookie.read(ctx, _COOKIE))
    if found is None or found["for"] != back:
        raise Unauthorized("This browser has not begun to log in here, or long ago: begin again.")
    return found


def _finish(ctx: Context, idp_id: str, protocol_id: str) -> Response:
    back, providers = _back(ctx, idp_id, protocol_id), ctx.parts[Providers]
    made = remembered(ctx, back)
    said = (ctx.request.get("state") or "").encode()
    settings = providers.of(idp_id, protocol_id)
    if not isinstance(settings, Oidc) or not secrets.compare_digest(said, made["state"].encode()):
        raise Unauthorized("The identity provider's answer is to another login: begin again.")
    given = ctx.request.get("code")
    if not given:
        why = ctx.request.get("error") or "no code"
        raise Unauthorized(f"The identity provider has refused the login: {why[:200]}.")
    if ctx.request.get("iss") not in (None, settings.issuer):
        raise Unauthorized("The answer is of another issuer than the identity provider.")
    vouch = code.finish(providers, settings, made, given, back, ctx.db.clock.now())
    token, _ = login.issue(ctx, idp_id, protocol_id, vouch)
    return page(ctx, made["origin"], token)


def page(ctx: Context, host: str, token: str) -> Response:
    """A form that carries the token to the dashboard."""
    nonce = secrets.token_urlsafe(16)
    shown = _PAGE.format(host=html.escape(host), token=html.escape(token), nonce=nonce)
    path = urlsplit(login.base(ctx)).path + _AT
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-{nonce}'",
        "Referrer-Policy": "no-referrer",
        "Set-Cookie": cookie.write(_COOKIE, "", path, 0, False, False),
    }
    return Response(200, shown.encode(), headers, "text/html; charset=utf-8")


def routes() -> tuple[Route, ...]:
    """The routes. They wait for other servers, so they run where transfers do."""
    every = f"{_AT}/websso/{{protocol_id}}"
    one = f"{_AT}/identity_providers/{{idp_id}}/protocols/{{protocol_id}}/websso"
    return tuple(
        Route(method, path, handler, tx="none", auth=False, stream=True)
        for path, handler in ((every, _of_protocol), (one, _of_provider))
        for method in ("GET", "POST")
    )
