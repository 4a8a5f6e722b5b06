"""What a token carries, packed tightly: who, for what, since when, and nothing that may change."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Literal

import msgspec

Kind = Literal["unscoped", "project", "domain", "system"]
_KINDS: tuple[Kind, ...] = ("unscoped", "project", "domain", "system")
METHODS = ("password", "token", "application_credential")


class Scope(msgspec.Struct, frozen=True):
    """What a token is for. `id` is the project's or the domain's."""

    kind: Kind = "unscoped"
    id: str = ""


class Payload(msgspec.Struct, frozen=True):
    """A token, opened. Times are microseconds since 1970 in UTC."""

    user_id: str
    methods: tuple[str, ...]
    scope: Scope
    issued: int
    expires: int
    audit_ids: tuple[str, ...]  # its own, and the one of the first token of its chain
    revision: int  # the identity revision at its issue, see `revision`
    application_credential_id: str = ""


class _Packed(msgspec.Struct, array_like=True):
    user: bytes
    methods: int
    kind: int
    scope: bytes
    issued: int
    expires: int
    audit: list[bytes]
    revision: int
    credential: bytes = b"="


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(_Packed)


def new_audit_id() -> str:
    """A random audit id of 16 bytes, as 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def pack(token: Payload) -> bytes:
    """The token's payload as bytes."""
    methods = sum(1 << METHODS.index(m) for m in token.methods)
    return _encode(
        _Packed(
            _short(token.user_id),
            methods,
            _KINDS.index(token.scope.kind),
            _short(token.scope.id),
            token.issued,
            token.expires,
            [_unurl(a) for a in token.audit_ids],
            token.revision,
            _short(token.application_credential_id),
        )
    )


def unpack(data: bytes) -> Payload | None:
    """The payload, or None when the bytes are of another form (an older version's, say)."""
    try:
        packed = _decoder.decode(data)
        kind = _KINDS[packed.kind]
    except (msgspec.DecodeError, IndexError):
        return None
    methods = tuple(m for bit, m in enumerate(METHODS) if packed.methods >> bit & 1)
    return Payload(
        _long(packed.user),
        methods,
        Scope(kind, _long(packed.scope)),
        packed.issued,
        packed.expires,
        tuple(_url(a) for a in packed.audit),
        packed.revision,
        _long(packed.credential),
    )


def _short(text: str) -> bytes:
    """16 bytes for 32 hexadecimal digits; other ids as text behind "=", and never 16 long."""
    if len(text) == 32:
        try:
            data = bytes.fromhex(text)
        except ValueError:
            data = b""
        if data.hex() == text:
            return data
    plain = b"=" + text.encode()
    return b"=" + plain if len(plain) == 16 else plain


def _long(packed: bytes) -> str:
    return packed.hex() if len(packed) == 16 else packed.decode().lstrip("=")


def _unurl(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
