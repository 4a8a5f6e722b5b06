"""What a token carries, packed tightly: who, for what, since when, and nothing that may change."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Literal

import msgspec

Kind = Literal["unscoped", "project", "domain", "system"]
_KINDS: tuple[Kind, ...] = ("unscoped", "project", "domain", "system")
# The place of a name is its bit in tokens that are out: only ever append.
METHODS = (
    "password",
    "token",
    "application_credential",
    "totp",
    "oauth1",
    "mapped",
    "openid",
    "saml2",
    "ec2credential",
    "oauth2_credential",
    "external",
)
_TIED = 64  # added to the kind of a token with further ties: a version before them refuses it


class Scope(msgspec.Struct, frozen=True):
    """What a token is for. `id` is the project's or the domain's."""

    kind: Kind = "unscoped"
    id: str = ""


class Federated(msgspec.Struct, frozen=True):
    """How a user of another cloud or company came in, and the ids of the groups it was given."""

    identity_provider: str
    protocol: str
    groups: tuple[str, ...] = ()


class Ties(msgspec.Struct, frozen=True):
    """What a token hangs on besides its user: when one of these goes, the token ends."""

    application_credential_id: str = ""
    trust_id: str = ""
    access_token_id: str = ""  # of OAuth 1.0a
    federated: Federated | None = None
    thumbprint: str = ""  # of the client's certificate, as RFC 8705 writes it (x5t#S256)


FREE = Ties()


class Payload(msgspec.Struct, frozen=True):
    """A token, opened. Times are microseconds since 1970 in UTC."""

    user_id: str
    methods: tuple[str, ...]
    scope: Scope
    issued: int
    expires: int
    audit_ids: tuple[str, ...]  # its own, and the one of the first token of its chain
    revision: int  # the identity revision at its issue, see `revision`
    ties: Ties = FREE


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


class _More(msgspec.Struct, array_like=True):
    trust: bytes
    access_token: bytes
    thumbprint: str
    provider: str = ""
    protocol: str = ""
    groups: list[bytes] = []


class _Tied(_Packed, array_like=True):
    more: _More | None = None


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(_Tied)


def new_audit_id() -> str:
    """A random audit id of 16 bytes, as 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def pack(token: Payload) -> bytes:
    """The token's payload as bytes."""
    ties = token.ties
    plain = _Packed(
        _short(token.user_id),
        sum(1 << METHODS.index(m) for m in token.methods),
        _KINDS.index(token.scope.kind),
        _short(token.scope.id),
        token.issued,
        token.expires,
        [_unurl(a) for a in token.audit_ids],
        token.revision,
        _short(ties.application_credential_id),
    )
    if ties is FREE or not (
        ties.trust_id or ties.access_token_id or ties.federated or ties.thumbprint
    ):
        return _encode(plain)
    more = _More(_short(ties.trust_id), _short(ties.access_token_id), ties.thumbprint)
    if ties.federated is not None:
        more.provider = ties.federated.identity_provider
        more.protocol = ties.federated.protocol
        more.groups = [_short(g) for g in ties.federated.groups]
    plain.kind += _TIED
    return _encode([*msgspec.structs.astuple(plain), more])


def unpack(data: bytes) -> Payload | None:
    """The payload, or None when the bytes are of another form (a later version's, say)."""
    try:
        packed = _decoder.decode(data)
        kind = _KINDS[packed.kind - _TIED if packed.more else packed.kind]
    except (msgspec.DecodeError, IndexError):
        return None
    return Payload(
        _long(packed.user),
        tuple(m for bit, m in enumerate(METHODS) if packed.methods >> bit & 1),
        Scope(kind, _long(packed.scope)),
        packed.issued,
        packed.expires,
        tuple(_url(a) for a in packed.audit),
        packed.revision,
        _ties(packed),
    )


def _ties(packed: _Tied) -> Ties:
    credential, more = _long(packed.credential), packed.more
    if more is None:
        return Ties(credential) if credential else FREE
    federated = None
    if more.provider:
        groups = tuple(_long(g) for g in more.groups)
        federated = Federated(more.provider, more.protocol, groups)
    return Ties(credential, _long(more.trust), _long(more.access_token), federated, more.thumbprint)


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
