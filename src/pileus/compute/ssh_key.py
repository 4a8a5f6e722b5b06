"""Key material: making a keypair, and the fingerprint of a public key."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..core.errors import BadRequest

_YEARS = timedelta(days=3650)
_COMMON_NAME = 64  # bytes, by RFC 5280


@dataclass(frozen=True)
class Made:
    """A new key: what is stored and what only the caller gets."""

    public: str
    private: str


def colons(data: bytes) -> str:
    """b"\\x0a\\xff" → "0a:ff"."""
    return ":".join(f"{byte:02x}" for byte in data)


def ssh_fingerprint(public_key: str) -> str:
    """The MD5 fingerprint of an OpenSSH public key, as the compute API has it.

    Raises BadRequest for what is no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        load_ssh_public_key(public_key.encode())
        body = base64.b64decode(public_key.split()[1], validate=True)
    except (ValueError, IndexError, UnsupportedAlgorithm, binascii.Error) as wrong:
        raise BadRequest(f"Keypair data is invalid: it is not an SSH public key: {wrong}") from None
    return colons(hashlib.md5(body, usedforsecurity=False).digest())


def x509_fingerprint(certificate: str) -> str:
    """The SHA-1 fingerprint of a PEM certificate. Raises BadRequest."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA1

    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError as wrong:
        raise BadRequest(f"Keypair data is invalid: it is not a certificate: {wrong}") from None
    return colons(found.fingerprint(SHA1()))  # noqa: S303 (a name, not a proof)


def make_ssh() -> Made:
    """A new RSA key of 2048 bits in OpenSSH's public and PEM's private form."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    private = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption()
    )
    return Made(public.decode() + " Generated-by-Pileus", private.decode())


def make_x509(user_id: str) -> Made:
    """A new self-signed client certificate and its key, both in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    common = user_id.encode()[:_COMMON_NAME].decode(errors="ignore")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    start = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _YEARS)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return Made(made.public_bytes(form.Encoding.PEM).decode(), private.decode())
