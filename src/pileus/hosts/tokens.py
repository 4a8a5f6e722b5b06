"""Join tokens: pileus1.<id>.<secret>.<fingerprint of the authority's certificate>.

The fingerprint lets the joining host know the control plane before it tells anything.

A token is good for one key, whatever the host is called. A fleet's token is good for so many hosts,
whose names it fixes: each of them may join until it has connected for the first time.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from ..core.db import Tx
from .authority import signer_in
from .certificates import fingerprint
from .refusal import Refusal
from .rows import JoinToken

_KIND = "pileus1"
_FLEET = re.compile(r"(.+)-\[(\d+)\]")  # no host's name has brackets in it
_WORTHLESS = "This join token is not valid: `pileus agent token create` makes another."


@dataclass(frozen=True)
class Token:
    """A token in its parts."""

    id: str
    secret: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{_KIND}.{self.id}.{self.secret}.{self.fingerprint}"

    @classmethod
    def parse(cls, text: str) -> "Token":
        """The token that was printed so. Raises ValueError."""
        parts = text.strip().split(".")
        if len(parts) != 4 or parts[0] != _KIND or not all(parts):
            raise ValueError(f"this is no join token: one reads {_KIND}.….….…, on one line")
        return cls(*parts[1:])


def fleet_host(name: str, number: int) -> str:
    """The name of a fleet's host, counted from 0."""
    return f"{name}-{number:05}"


def create(tx: Tx, host: str | None, hours: float, many: int = 0) -> Token:
    """A new token, good for one host and so many hours.

    many: good for so many hosts, `fleet_host(host, 0)` and following; `host` is needed then.
    """
    secret = secrets.token_urlsafe(32)
    token = Token(secrets.token_hex(8), secret, fingerprint(signer_in(tx).certificate))
    tx.remove_where(JoinToken, JoinToken.expires_at < tx.now - timedelta(days=7))
    tx.add(
        JoinToken(
            id=token.id,
            hash=_hash(secret),
            host=f"{host}-[{many}]" if many else host,
            expires_at=tx.now + timedelta(hours=hours),
        )
    )
    return token


def use(tx: Tx, token_id: str, secret: str, name: str, key: str) -> bool:
    """Take the token for this key; for the same key again, so that a lost answer can be repeated.

    Returns whether it is a fleet's. Raises Refusal.
    """
    row = tx.get(JoinToken, token_id[:16])
    if row is None or not hmac.compare_digest(row.hash, _hash(secret)):
        raise Refusal(_WORTHLESS)
    if row.expires_at <= tx.now:
        raise Refusal(f"This join token expired at {row.expires_at:%Y-%m-%d %H:%M} UTC.")
    fleet = _FLEET.fullmatch(row.host or "")
    if fleet is not None:
        number = name.removeprefix(f"{fleet[1]}-")
        if not number.isdecimal() or name != fleet_host(fleet[1], int(number)):
            raise Refusal(
                f"This join token is for hosts {fleet_host(fleet[1], 0)!r} and following."
            )
        if int(number) >= int(fleet[2]):
            raise Refusal(f"This join token is for {fleet[2]} hosts, and {name!r} is beyond them.")
        return True
    if row.used_by not in (None, key):
        raise Refusal("This join token has been used: each is good for one host.")
    if row.host not in (None, name):
        raise Refusal(f"This join token is for the host {row.host!r}, and this is {name!r}.")
    tx.change(row, used_by=key)
    return False


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
