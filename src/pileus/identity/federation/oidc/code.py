"""The browser's way: the authorisation code, with state, nonce and PKCE (RFC 6749, 7636, OIDC)."""

import base64
import hashlib
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ....core.errors import Unauthorized
from ..provider import Providers
from ..settings import Oidc
from ..vouch import Vouch
from . import bearer, claims, signed


def begin() -> dict[str, str]:
    """The secrets of one login, which the browser brings back sealed."""
    return {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}


def address(providers: Providers, settings: Oidc, made: dict[str, str], back: str) -> str:
    """The URL at the provider where the user logs in. back: where it sends the browser then."""
    digest = hashlib.sha256(made["verifier"].encode()).digest()
    query = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": back,
        "scope": " ".join(settings.scopes),
        "state": made["state"],
        "nonce": made["nonce"],
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    url = providers.endpoint(settings, "authorization_endpoint")
    return url + ("&" if "?" in url else "?") + urlencode(query)


def finish(
    providers: Providers,
    settings: Oidc,
    made: dict[str, str],
    code: str,
    back: str,
    now: datetime,
) -> Vouch:
    """What the provider says of the user who came back with this code.

    Raises Unauthorized, or Unavailable when the provider is away.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": made["verifier"],
    }
    if not settings.client_secret:
        form["client_id"] = settings.client_id
    url = providers.endpoint(settings, "token_endpoint")
    status, found = providers.web(settings).post(url, form, bearer.basic(settings))
    if status != 200 or not isinstance(found, dict) or not isinstance(found.get("id_token"), str):
        raise Unauthorized("The identity provider gives no identity for this login.")
    told = signed.check(providers, settings, found["id_token"], (settings.client_id,), now)
    if not secrets.compare_digest(str(told.get("nonce", "")), made["nonce"]):
        raise Unauthorized("The identity provider's answer is to another login.")
    if told.get("azp", settings.client_id) != settings.client_id:
        raise Unauthorized("The identity provider's answer is meant for another client.")
    return claims.vouch(settings, _more(providers, settings, found.get("access_token"), told))


def _more(
    providers: Providers, settings: Oidc, token: object, told: dict[str, Any]
) -> dict[str, Any]:
    if not isinstance(token, str) or not providers.find_endpoint(settings, "userinfo_endpoint"):
        return told
    more = bearer.userinfo(providers, settings, token)
    if more["sub"] != told.get("sub"):
        raise Unauthorized("The identity provider tells two users for one login.")
    return more | told
