"""Tokens as JSON web tokens, signed by ES256 (RFC 7515, RFC 7518): whoever has a public key can
check them, and anybody can read them. The claims have the names that operators know."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from .key_files import KeyFiles
from .payload import FREE, Federated, Kind, Payload, Scope, Ties

_HALF = 32  # bytes of each of the signature's two numbers
_HASH = ec.ECDSA(hashes.SHA256())


class _Header(msgspec.Struct, frozen=True):
    alg: str


class _Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    sub: str
    iat: float
    exp: float
    openstack_methods: tuple[str, ...]
    openstack_audit_ids: tuple[str, ...]
    pileus_revision: int
    openstack_project_id: str = ""
    openstack_domain_id: str = ""
    openstack_system: str = ""
    openstack_app_cred_id: str = ""
    openstack_trust_id: str = ""
    openstack_access_token_id: str = ""
    openstack_thumbprint: str = ""
    openstack_idp_id: str = ""
    openstack_protocol_id: str = ""
    openstack_group_ids: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)


class Jws:
    """Signs tokens by the newest private key and checks them by all of them.

    `public`, beside the private keys, may hold further public keys in PEM files: of another cloud
    whose tokens are good here, say.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ValueError, naming the file, when a key cannot be read as one."""
        self.files = KeyFiles(folder / "private", _make, _private, "P-256 private")
        self._others = [_public(path) for path in sorted(folder.glob("public/*.pem"))]

    def seal(self, token: Payload) -> str:
        """The token as a signed text of three parts."""
        signed = _PROLOGUE + b"." + _part(_encode(_to_claims(token)))
        newest = next(iter(self.files.keys().values()))
        r, s = utils.decode_dss_signature(newest.sign(signed, _HASH))
        signature = r.to_bytes(_HALF) + s.to_bytes(_HALF)
        return (signed + b"." + _part(signature)).decode()

    def open(self, token: str) -> Payload | None:
        """What a token says, or None when none of the keys signed it by ES256."""
        try:
            head, body, signature = (_unpart(part) for part in token.split("."))
            if _header.decode(head).alg != "ES256" or len(signature) != 2 * _HALF:
                return None
            signed = token.rpartition(".")[0].encode("ascii")
            r, s = (int.from_bytes(x) for x in (signature[:_HALF], signature[_HALF:]))
            if not self._signed(signed, utils.encode_dss_signature(r, s)):
                return None
            return _from_claims(_claims.decode(body))
        except (ValueError, msgspec.DecodeError):  # no Base64, no ASCII, no three parts, no claims
            return None

    def _signed(self, data: bytes, signature: bytes) -> bool:
        for key in [*(k.public_key() for k in self.files.keys().values()), *self._others]:
            try:
                key.verify(signature, data, _HASH)
            except InvalidSignature:
                continue
            return True
        return False


def _part(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _unpart(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


_PROLOGUE = _part(b'{"alg":"ES256","typ":"JWT"}')


def _to_claims(token: Payload) -> _Claims:
    ties, scope = token.ties, token.scope
    found: dict[str, Any] = {f"openstack_{scope.kind}_id": scope.id} if scope.id else {}
    if scope.kind == "system":
        found["openstack_system"] = "all"
    if ties.federated is not None:
        found["openstack_idp_id"] = ties.federated.identity_provider
        found["openstack_protocol_id"] = ties.federated.protocol
        found["openstack_group_ids"] = ties.federated.groups
    return _Claims(
        sub=token.user_id,
        iat=token.issued / 1e6,
        exp=token.expires / 1e6,
        openstack_methods=token.methods,
        openstack_audit_ids=token.audit_ids,
        pileus_revision=token.revision,
        openstack_app_cred_id=ties.application_credential_id,
        openstack_trust_id=ties.trust_id,
        openstack_access_token_id=ties.access_token_id,
        openstack_thumbprint=ties.thumbprint,
        **found,
    )


def _from_claims(claims: _Claims) -> Payload:
    kind: Kind = "unscoped"
    if claims.openstack_project_id:
        kind = "project"
    elif claims.openstack_domain_id:
        kind = "domain"
    elif claims.openstack_system:
        kind = "system"
    federated = None
    if claims.openstack_idp_id:
        groups = claims.openstack_group_ids
        federated = Federated(claims.openstack_idp_id, claims.openstack_protocol_id, groups)
    ties = Ties(
        claims.openstack_app_cred_id,
        claims.openstack_trust_id,
        claims.openstack_access_token_id,
        federated,
        claims.openstack_thumbprint,
    )
    return Payload(
        claims.sub,
        claims.openstack_methods,
        Scope(kind, claims.openstack_project_id or claims.openstack_domain_id),
        round(claims.iat * 1e6),
        round(claims.exp * 1e6),
        claims.openstack_audit_ids,
        claims.pileus_revision,
        FREE if ties == FREE else ties,
    )


def _make() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _private(data: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(data, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("it must be an elliptic curve key on P-256")
    return key


def _public(path: Path) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except ValueError as wrong:
        raise ValueError(f"{path} holds no public key: {wrong}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ValueError(f"{path}: it must be an elliptic curve key on P-256")
    return key
