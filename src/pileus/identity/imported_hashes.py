"""Hashes of passwords as other identity services store them, for users that were brought over."""

import base64
import hmac
from collections.abc import Callable, Mapping

import bcrypt
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_BCRYPT_READS = 72  # bytes of a password; it never knew of more


def _bcrypt(password: bytes, stored: str) -> bool:
    return bcrypt.checkpw(password[:_BCRYPT_READS], stored.encode())


def _bcrypt_sha256(password: bytes, stored: str) -> bool:
    """`$bcrypt-sha256$v=2,t=2b,r=12$SALT$DIGEST`: bcrypt of a keyed digest."""
    parameters, salt, digest = stored.split("$")[2:]
    known = dict(one.split("=") for one in parameters.split(","))
    if known["v"] != "2":
        raise ValueError("only version 2 of bcrypt-sha256 is read")
    key = base64.b64encode(hmac.digest(salt.encode(), password, "sha256"))
    plain = f"${known['t']}${int(known['r']):02}${salt}{digest}"
    return bcrypt.checkpw(key, plain.encode())


def _scrypt(password: bytes, stored: str) -> bool:
    """`$scrypt$ln=16,r=8,p=1$SALT$DIGEST`; ln is the logarithm of the cost."""
    parameters, salt, digest = stored.split("$")[2:]
    known = {k: int(v) for k, v in (one.split("=") for one in parameters.split(","))}
    wanted = _decoded(digest)
    n, r, p = 1 << known["ln"], known["r"], known["p"]
    return _verified(Scrypt(_decoded(salt), len(wanted), n, r, p), password, wanted)


def _pbkdf2(password: bytes, stored: str) -> bool:
    """`$pbkdf2-sha512$ROUNDS$SALT$DIGEST`."""
    rounds, salt, digest = stored.split("$")[2:]
    wanted = _decoded(digest)
    kdf = PBKDF2HMAC(hashes.SHA512(), len(wanted), _decoded(salt), int(rounds))
    return _verified(kdf, password, wanted)


def _verified(kdf: Scrypt | PBKDF2HMAC, password: bytes, wanted: bytes) -> bool:
    try:
        kdf.verify(password, wanted)
    except InvalidKey:
        return False
    return True


def _decoded(text: str) -> bytes:
    """Base64 without padding, "." for "+", as these formats write it."""
    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)


_FORMS: Mapping[str, Callable[[bytes, str], bool]] = {
    "2": _bcrypt,
    "2a": _bcrypt,
    "2b": _bcrypt,
    "2y": _bcrypt,
    "bcrypt-sha256": _bcrypt_sha256,
    "scrypt": _scrypt,
    "pbkdf2-sha512": _pbkdf2,
}


def known(stored: str) -> bool:
    """Whether a hash is of one of these forms."""
    return stored.startswith("$") and stored.split("$")[1] in _FORMS


def matches(password: str, stored: str) -> bool:
    """Whether the password is the one behind a hash of one of these forms.

    Raises ValueError for a hash that cannot be read.
    """
    if not known(stored):
        raise ValueError(f"the hash {stored[:12]!r}… is of no form that is read here")
    try:
        return _FORMS[stored.split("$")[1]](password.encode(), stored)
    except (KeyError, IndexError) as wrong:
        raise ValueError(f"the hash {stored[:12]!r}… has no {wrong}") from None
