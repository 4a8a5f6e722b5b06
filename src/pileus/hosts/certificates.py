"""Certificates of hosts and of the agent port, and the authority that signs both."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=30)
RENEW_BEFORE = timedelta(days=10)
_AUTHORITY_LIFE = timedelta(days=3650)
_EARLIER = timedelta(days=1)  # a host whose clock is behind by less than this can join
CONTROL = "pileus control plane"


class BadRequest(ValueError):
    """A signing request is damaged, or not signed by its own key."""


@dataclass(frozen=True)
class Signed:
    """A certificate in PEM, and what is remembered of it."""

    pem: str
    serial: str  # hexadecimal digits without a sign or leading zeros, in capitals
    expires_at: datetime


def new_key() -> str:
    """A private key in PEM (P-256, PKCS #8)."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def request(key: str, host_id: str) -> str:
    """A signing request in PEM for this key."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_name(host_id))
        .sign(_private(key), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


def requested(pem: str) -> tuple[str, ec.EllipticCurvePublicKey]:
    """The host's UUID and the key of a signing request. Raises BadRequest."""
    try:
        found = x509.load_pem_x509_csr(pem.encode())
        key = found.public_key()
        if not found.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise BadRequest("the signing request is not signed by its own P-256 key")
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(uuid.UUID(str(names[0].value))), key
    except BadRequest:
        raise
    except (ValueError, IndexError, InvalidSignature, x509.InvalidVersion) as wrong:
        raise BadRequest(f"the signing request is damaged ({wrong})") from None


def self_signed(now: datetime) -> tuple[str, str, str]:
    """A certificate that proves nothing but its own key, that key, and its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("pileus disks")
    made = _builder(name, name, key.public_key(), now, _AUTHORITY_LIFE).sign(key, hashes.SHA256())
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    return pem, _pem(key), made.fingerprint(hashes.SHA256()).hex()


def key_hash(key: ec.EllipticCurvePublicKey) -> str:
    """The SHA-256 of a public key, in hexadecimal digits."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex()


def fingerprint(certificate: str) -> str:
    """The SHA-256 of a certificate in PEM, in hexadecimal digits. Raises ValueError."""
    return x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA256()).hex()


def expiry(certificate: str) -> datetime:
    """When a certificate in PEM ends, in UTC. Raises ValueError."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    return found.not_valid_after_utc.replace(tzinfo=None)


def subject(certificate: str) -> str:
    """The name in a certificate in PEM: a host's UUID. Raises ValueError."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


@dataclass(frozen=True)
class Signer:
    """The authority: its certificate and key in PEM."""

    certificate: str
    key: str

    @classmethod
    def new(cls, now: datetime) -> "Signer":
        """A fresh authority, good for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("pileus hosts")
        public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        made = (
            _builder(name, name, key.public_key(), now, _AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(public, critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(made.public_bytes(serialization.Encoding.PEM).decode(), _pem(key))

    def sign_host(
        self,
        host_id: str,
        key: ec.EllipticCurvePublicKey,
        now: datetime,
        life: timedelta = LIFE,
    ) -> Signed:
        """A certificate for a host's key: it can call, and cannot answer as the control plane."""
        return self._sign(host_id, key, now, life, ExtendedKeyUsageOID.CLIENT_AUTH)

    def sign_control(self, now: datetime) -> tuple[Signed, str]:
        """A certificate and its key for the agent port."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        return self._sign(CONTROL, key.public_key(), now, LIFE, usage), _pem(key)

    @cached_property
    def _loaded(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        return x509.load_pem_x509_certificate(self.certificate.encode()), _private(self.key)

    def _sign(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        now: datetime,
        life: timedelta,
        usage: x509.ObjectIdentifier,
    ) -> Signed:
        own, private = self._loaded
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key())
        made = (
            _builder(_name(name), own.subject, key, now, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer, critical=False)
            .sign(private, hashes.SHA256())
        )
        pem = made.public_bytes(serialization.Encoding.PEM).decode()
        expires = made.not_valid_after_utc.replace(tzinfo=None)
        return Signed(pem, f"{made.serial_number:X}", expires)


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    begin = now.replace(tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _EARLIER)
        .not_valid_after(begin + life)
    )


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _private(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("a P-256 key is wanted")
    return key
