"""A login that an identity provider has vouched for and whose client has yet to fetch its token."""

import hashlib
import secrets
from datetime import timedelta

from ...core.db import Tx
from .rows import SeenAssertion, Vouched
from .vouch import Vouch

COOKIE = "pileus-federation"
SECONDS = 300


def keep(tx: Tx, idp_id: str, protocol_id: str, vouch: Vouch) -> str:
    """Keep a vouch for five minutes; the secret that fetches it."""
    secret = secrets.token_urlsafe(32)
    tx.add(
        Vouched(
            id=_digest(secret),
            idp_id=idp_id,
            protocol_id=protocol_id,
            attributes={"issuer": vouch.issuer, "attributes": vouch.attributes},
            until=tx.now + timedelta(seconds=SECONDS),
        )
    )
    return secret


def take(tx: Tx, secret: str, idp_id: str, protocol_id: str) -> Vouch | None:
    """The vouch that this secret fetches, once; None when there is none for this protocol."""
    row = tx.get(Vouched, _digest(secret))
    if row is None or (row.idp_id, row.protocol_id) != (idp_id, protocol_id):
        return None
    tx.remove(row)
    return None if row.until <= tx.now else Vouch(**row.attributes)


def prune(tx: Tx) -> None:
    """Remove what nobody fetched in time, and assertions that nobody could use again."""
    tx.remove_where(Vouched, Vouched.until < tx.now)
    tx.remove_where(SeenAssertion, SeenAssertion.until < tx.now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
