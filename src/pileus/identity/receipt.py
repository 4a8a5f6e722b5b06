"""Receipts: the proof of the methods that a login had, when its user's rules ask for more."""

from typing import Any

import msgspec

from ..core.db import Tx
from ..wire.context import Response
from .revision import current
from .standing import Person
from .tokens import Tokens, micros, refused, written

# What a token packs begins otherwise, so neither is ever taken for the other.
_MARK = b"receipt:"
HEADER = "OpenStack-Auth-Receipt"


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """A receipt, opened. Times are microseconds since 1970 in UTC."""

    user_id: str
    methods: tuple[str, ...]
    issued: int
    expires: int
    revision: int  # the identity revision at its issue, see `revision`


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Receipt)


def read(tx: Tx, tokens: Tokens, text: str) -> Receipt | None:
    """The receipt that a login brought, if it brought one. Raises Unauthorized for a bad one."""
    if not text:
        return None
    data = tokens.keys.open(text)
    if data is None or not data.startswith(_MARK):
        raise refused()
    try:
        found = _decoder.decode(data[len(_MARK) :])
    except msgspec.DecodeError:
        raise refused() from None
    late = found.expires <= micros(tx.now)
    if late or tokens.revoked(tx, found.revision, [f"user:{found.user_id}"]):
        raise refused()
    return found


def issue(
    tx: Tx, tokens: Tokens, user: Person, methods: tuple[str, ...], required: list[list[str]]
) -> Response:
    """The 401 with a receipt for these methods, that says what the user's rules ask for."""
    now = micros(tx.now)
    end = now + tokens.settings.receipt.expiration * 10**6
    receipt = Receipt(user.id, methods, now, end, current(tx))
    domain = {"id": user.domain_id, "name": user.domain_name}
    body: dict[str, Any] = {
        "receipt": {
            "methods": list(methods),
            "user": {"id": user.id, "name": user.name, "domain": domain},
            "expires_at": written(end),
            "issued_at": written(now),
        },
        "required_auth_methods": required,
    }
    return Response(401, body, {HEADER: tokens.keys.seal(_MARK + _encode(receipt))})
