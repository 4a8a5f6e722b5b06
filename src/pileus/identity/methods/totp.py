"""Log in by a passcode that a device works out from a seed and the time (RFC 6238).

The seeds are the user's credentials of the type totp: Base32, 6 digits, 30 seconds, SHA-1, as usual
devices have it.
"""

import base64
import hmac
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ...core.db import Tx
from ...core.types import Field, Object, Text
from .. import password_rules
from ..credential import secrets
from ..rows import User
from ..tokens import Tokens, micros, refused
from . import named
from .method import Method, Proof

TYPE = "totp"
SECONDS, _DIGITS = 30, 6
_PASSCODE = Field(Text(64, 1), required=True)
_FORM = Object(
    {"user": Field(Object(named.USER | {"passcode": _PASSCODE}, extra=True), required=True)}
)
log = logging.getLogger(__name__)


def passcode(seed: str, step: int) -> str:
    """The passcode of a seed in Base32 at one step of time. Raises ValueError for a bad seed."""
    plain = seed.replace(" ", "").rstrip("=").upper()
    key = base64.b32decode(plain + "=" * (-len(plain) % 8))
    digest = hmac.digest(key, step.to_bytes(8), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def step_at(moment: datetime) -> int:
    """The step that a moment is in."""
    return micros(moment) // (SECONDS * 10**6)


def _check(given: Mapping[str, Any]) -> None:
    named.check(given["user"], "auth.identity.totp.user")


def _prove(tx: Tx, tokens: Tokens, given: Mapping[str, Any]) -> Proof:
    user = named.user(tx, tokens, given["user"])
    if user is None or password_rules.guessing(user, tx.now):
        return Proof()
    if password_rules.locked(tokens.settings.security_compliance, user, tx.now):
        return Proof()
    code = given["user"]["passcode"].encode()
    last = step_at(tx.now)
    seeds = list(_seeds(tx, tokens, user.id))
    for step in range(last, last - tokens.settings.totp.included_previous_windows - 1, -1):
        # Each works once: who looked over a shoulder comes too late.
        if any(hmac.compare_digest(_code(seed, step), code) for seed in seeds) and step > (
            user.totp_step or 0
        ):
            return Proof(user.id, step=step)
    return Proof(failed=user.id)


def _seeds(tx: Tx, tokens: Tokens, user_id: str) -> Iterator[str]:
    for seed in secrets(tx, tokens.credential_keys, user_id, TYPE):
        try:
            passcode(seed, 0)
        except ValueError:
            log.warning("a credential of the type totp of the user %s is no Base32", user_id)
        else:
            yield seed


def _code(seed: str, step: int) -> bytes:
    return passcode(seed, step).encode()


def _admit(tx: Tx, _tokens: Tokens, proof: Proof) -> None:
    unused = sa.or_(User.totp_step.is_(None), User.totp_step < proof.step)
    if not tx.set(User, User.id == proof.user_id, unused, totp_step=proof.step):
        raise refused()


METHOD = Method("totp", _FORM, _prove, _check, _admit, writes=True)
