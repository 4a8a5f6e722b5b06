"""Claims as a mapping sees them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..settings import Oidc
from ..vouch import REMOTE_USER, Vouch

_MOST = 1000


def vouch(settings: Oidc, claims: Mapping[str, Any]) -> Vouch:
    """The claims as attributes, by their own names and by those that mod_auth_openidc gives them.

    So a mapping that was written for Apache goes on working: `sub`, `OIDC-sub`, `OIDC_CLAIM_sub`
    and `HTTP_OIDC_SUB` are the same.
    """
    found: dict[str, list[str]] = {}
    for name, value in claims.items():
        texts = list(_texts(value))[:_MOST]
        if not texts:
            continue
        shell = name.upper().replace("-", "_")
        for alias in (name, f"OIDC-{name}", f"OIDC_CLAIM_{name}", f"HTTP_OIDC_{shell}"):
            found[alias] = texts
    user = found.get(settings.remote_user, [])
    found[REMOTE_USER] = user if len(user) == 1 else []
    return Vouch(settings.issuer, found)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one) if not isinstance(one, list) else ()
    elif isinstance(value, dict):
        yield json.dumps(value, sort_keys=True)
