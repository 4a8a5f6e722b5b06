"""Signed images: `img_signature` and its kin are checked over the bytes as they arrive.

The certificate comes from a folder of certificates that the operator trusts, by the UUID that
`img_signature_certificate_uuid` names. An image that says it is signed, and cannot be checked, is
refused.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils

from ..core.errors import BadRequest
from .formats import Unsafe
from .rows import Image
from .settings import Settings

NAMES = (
    "img_signature",
    "img_signature_hash_method",
    "img_signature_key_type",
    "img_signature_certificate_uuid",
)
_HASHES: Mapping[str, type[hashes.HashAlgorithm]] = {
    "SHA-224": hashes.SHA224,
    "SHA-256": hashes.SHA256,
    "SHA-384": hashes.SHA384,
    "SHA-512": hashes.SHA512,
}
_CURVES = ("SECT571K1", "SECT409K1", "SECT571R1", "SECT409R1", "SECP521R1", "SECP384R1")
_KEYS = ("RSA-PSS", "DSA", *(f"ECC_{name}" for name in _CURVES))
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class _Key(Protocol):
    def verify(self, *words: Any) -> None: ...


class Signature:
    """One image's signature, fed with its bytes."""

    def __init__(self, signature: bytes, method: str, key: str, public: Any) -> None:
        self._signature, self._key, self._public = signature, key, public
        self._algorithm = _HASHES[method]()
        self._digest = hashes.Hash(self._algorithm)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(data)

    def verify(self) -> None:
        """Raises Unsafe unless the bytes are what was signed."""
        digest, prehashed = self._digest.finalize(), utils.Prehashed(self._algorithm)
        public: _Key = self._public
        try:
            if self._key == "RSA-PSS":
                salt = padding.PSS(padding.MGF1(self._algorithm), padding.PSS.AUTO)
                public.verify(self._signature, digest, salt, prehashed)
            elif self._key == "DSA":
                public.verify(self._signature, digest, prehashed)
            else:
                public.verify(self._signature, digest, ec.ECDSA(prehashed))
        except InvalidSignature:
            raise Unsafe("The image's bytes are not those of its img_signature.") from None


def check_properties(image: Image, settings: Settings) -> None:
    """Raises BadRequest for an image that says it is signed and cannot be checked."""
    of(image, settings)


def of(image: Image, settings: Settings) -> Signature | None:
    """The signature of an image that says it is signed. Raises BadRequest."""
    found = {name: image.properties[name] for name in NAMES if image.properties.get(name)}
    if not found:
        return None
    if missing := [name for name in NAMES if name not in found]:
        raise BadRequest(f"A signed image needs {missing[0]} too.")
    method, key = found["img_signature_hash_method"], found["img_signature_key_type"]
    if method not in _HASHES:
        raise BadRequest(f"img_signature_hash_method must be one of {', '.join(_HASHES)}.")
    if key not in _KEYS:
        raise BadRequest(f"img_signature_key_type must be one of {', '.join(_KEYS)}.")
    try:
        signature = base64.b64decode(found["img_signature"], validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("img_signature must be base64.") from None
    return Signature(signature, method, key, _public(settings, found[NAMES[3]], key))


def _public(settings: Settings, name: str, key: str) -> object:
    if not settings.signature_certificates:
        raise BadRequest(
            "The image says that it is signed, and this cloud trusts no certificate to check it"
            " with (setting signature_certificates)."
        )
    if not _UUID.fullmatch(name):
        raise BadRequest("img_signature_certificate_uuid must be a UUID.")
    path = Path(settings.signature_certificates) / f"{name.lower()}.pem"
    try:
        public = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    except FileNotFoundError:
        raise BadRequest(f"No certificate {name} is trusted here.") from None
    except (OSError, ValueError):
        raise BadRequest(f"The certificate {name} cannot be read here.") from None
    kinds: dict[str, type] = {"RSA-PSS": rsa.RSAPublicKey, "DSA": dsa.DSAPublicKey}
    fits = isinstance(public, kinds.get(key, ec.EllipticCurvePublicKey))
    if fits and isinstance(public, ec.EllipticCurvePublicKey):
        fits = f"ECC_{public.curve.name.upper()}" == key
    if not fits:
        raise BadRequest(f"The key of certificate {name} is not {key}.")
    return public
