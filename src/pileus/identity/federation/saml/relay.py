"""What must be known again when somebody comes back, sealed: only this cloud can read it."""

import secrets
from datetime import datetime

import msgspec

from ....wire.context import Context

LIFE = 600  # seconds in which one must have logged in
_AT = "/v3/auth/OS-FEDERATION"


def new_id() -> str:
    """An id of XML, which may not begin with a digit."""
    return "_" + secrets.token_hex(16)


def consumer(base: str, idp_id: str, protocol_id: str) -> str:
    """The URL that takes an identity provider's responses. base: of the identity service."""
    return f"{base}{_AT}/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/acs"


def seal(ctx: Context, kind: str, state: dict[str, str]) -> str:
    """The state as its bearer gets it; `kind` sets it apart from all else that is sealed."""
    text = msgspec.json.encode(state | {"at": ctx.db.clock.now().isoformat()}).decode()
    return ctx.db.vault.seal(f"{kind}:{text}")


def open_state(ctx: Context, kind: str, sealed: str) -> dict[str, str] | None:
    """The state that was sealed less than ten minutes ago; None for anything else."""
    try:
        text = ctx.db.vault.open(sealed)
        if not text.startswith(f"{kind}:"):
            return None
        found = msgspec.json.decode(text.removeprefix(f"{kind}:"), type=dict[str, str])
        age = ctx.db.clock.now() - datetime.fromisoformat(found.pop("at"))
    except (ValueError, KeyError, msgspec.DecodeError):
        return None
    return found if 0 <= age.total_seconds() <= LIFE else None
