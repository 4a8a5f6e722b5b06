"""Tokens that a provider has signed (JWS): whether it has, and whether they hold now."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from ....core.errors import Unauthorized
from ..provider import Providers
from ..settings import Oidc

# Public keys only: with a shared secret, or none, anybody could have made the token.
_ALGORITHMS = frozenset(
    ["EdDSA", *(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))]
)
_LEEWAY = 60.0  # seconds by which clocks may differ
# Times are compared with this process's own clock, below.
_OPTIONS: Any = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
}


def check(
    providers: Providers, settings: Oidc, token: str, audiences: Collection[str], now: datetime
) -> dict[str, Any]:
    """The claims of a token that the provider signed for one of the audiences.

    Raises Unauthorized, or Unavailable when the provider's keys cannot be read.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as wrong:
        raise Unauthorized(f"The token is no JWT: {wrong}") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in _ALGORITHMS:
        raise Unauthorized(f"The token's algorithm {str(algorithm)[:20]!r} is not taken.")
    keys = providers.keys(settings, kid if isinstance(kid, str) else None)
    some = [key for key in keys if kid is None or key.get("kid") == kid]
    claims: dict[str, Any] | None = _verified(token, str(algorithm), some)
    if claims is None:
        raise Unauthorized("The token is not signed by a key of the identity provider.")
    if claims.get("iss") != settings.issuer:
        raise Unauthorized("The token is of another issuer than the identity provider.")
    check_times(claims, now)
    check_audience(claims, audiences)
    return claims


def _verified(token: str, algorithm: str, keys: Collection[Mapping[str, Any]]) -> Any:
    for key in keys:
        if key.get("use", "sig") != "sig":
            continue
        try:
            public = jwt.PyJWK(dict(key), algorithm)
            return jwt.decode(token, public, algorithms=[algorithm], options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return None


def check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Raises Unauthorized unless the claims hold now."""
    seconds = now.replace(tzinfo=UTC).timestamp()
    end, start = claims.get("exp"), claims.get("nbf", 0)
    right = all(isinstance(t, int | float) and not isinstance(t, bool) for t in (end, start))
    if not right or not start - _LEEWAY <= seconds < end + _LEEWAY:  # type: ignore[operator]
        raise Unauthorized("The token has expired, or does not hold yet.")


def check_audience(claims: Mapping[str, Any], audiences: Collection[str]) -> None:
    """Raises Unauthorized unless the claims are meant for one of these."""
    meant = claims.get("aud")
    for_whom = meant if isinstance(meant, list) else [meant]
    if not any(isinstance(one, str) and one in audiences for one in for_whom):
        raise Unauthorized("The token is meant for somebody else than this cloud.")
