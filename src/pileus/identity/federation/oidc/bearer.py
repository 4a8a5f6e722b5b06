"""An access token of an OpenID Connect provider, brought by its client."""

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ....core.errors import Unauthorized, Unavailable
from ..provider import Providers
from ..settings import Oidc
from ..vouch import Vouch
from . import claims, signed

_LONGEST = 16_384


def check(providers: Providers, settings: Oidc, token: str, now: datetime) -> Vouch:
    """What the provider says of the token's owner.

    `settings.check` says how: "jwt" by the token's signature, "introspection" (RFC 7662) or
    "userinfo" by asking; "auto" takes the first of these that fits. Claims of the userinfo endpoint
    are added where the provider has one and the token may read it.

    Raises Unauthorized, or Unavailable when the provider is away.
    """
    if len(token) > _LONGEST or not token.isascii():
        raise Unauthorized("This is no access token.")
    way = settings.check
    if way == "auto":
        way = "jwt" if token.count(".") == 2 else "introspection"
        if way == "introspection" and not _introspection(providers, settings):
            way = "userinfo"
    if way == "userinfo":
        return claims.vouch(settings, userinfo(providers, settings, token))
    audiences = settings.audiences or (settings.client_id,)
    if way == "jwt":
        found = signed.check(providers, settings, token, audiences, now)
    else:
        found = _asked(providers, settings, token, now)
    return claims.vouch(settings, _with_more(providers, settings, token, found))


def _introspection(providers: Providers, settings: Oidc) -> str:
    return (
        providers.find_endpoint(settings, "introspection_endpoint")
        if settings.client_secret
        else ""
    )


def _asked(providers: Providers, settings: Oidc, token: str, now: datetime) -> dict[str, Any]:
    url = providers.endpoint(settings, "introspection_endpoint")
    form = {"token": token, "token_type_hint": "access_token"}
    status, found = providers.web(settings).post(url, form, basic(settings))
    if status != 200 or not isinstance(found, dict):
        raise Unavailable(f"The identity provider answers {status} to the question for a token.")
    if found.get("active") is not True:
        raise Unauthorized("The identity provider says that the access token does not hold.")
    if found.get("iss", settings.issuer) != settings.issuer:
        raise Unauthorized("The token is of another issuer than the identity provider.")
    if "exp" in found:
        signed.check_times(found, now)
    if settings.audiences:
        signed.check_audience(found, settings.audiences)
    elif settings.client_id not in (found.get("client_id"), *_list(found.get("aud"))):
        raise Unauthorized("The token is meant for somebody else than this cloud.")
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def userinfo(providers: Providers, settings: Oidc, token: str) -> dict[str, Any]:
    """The claims that the provider gives for an access token. Raises Unauthorized, Unavailable."""
    url = providers.endpoint(settings, "userinfo_endpoint")
    status, found = providers.web(settings).get(url, {"Authorization": f"Bearer {token}"})
    if status in (400, 401, 403):
        raise Unauthorized("The identity provider says that the access token does not hold.")
    if status != 200 or not isinstance(found, dict) or not isinstance(found.get("sub"), str):
        raise Unavailable(f"The identity provider answers {status} to the question for a user.")
    return found | {"iss": settings.issuer}


def _with_more(
    providers: Providers, settings: Oidc, token: str, known: dict[str, Any]
) -> dict[str, Any]:
    """The claims and those of the userinfo endpoint; what is known already counts."""
    scopes = known.get("scope")
    # A client's own token is nobody's.
    of_user = isinstance(scopes, str) and "openid" in scopes.split() and "sub" in known
    if not of_user or not providers.find_endpoint(settings, "userinfo_endpoint"):
        return known
    more = userinfo(providers, settings, token)
    if more["sub"] != known.get("sub"):
        raise Unauthorized("The identity provider tells two users for one access token.")
    return more | known


def basic(settings: Oidc) -> dict[str, str]:
    """The header by which this cloud proves that it is the client (RFC 6749, 2.3.1)."""
    if not settings.client_secret:
        return {}
    pair = f"{quote(settings.client_id, safe='')}:{quote(settings.client_secret, safe='')}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
