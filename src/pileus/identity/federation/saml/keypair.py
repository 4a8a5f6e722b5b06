"""This cloud's own key of SAML: made at the first use, and seen by all its processes."""

import os
import threading
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ....core.clock import Clock

_YEARS = 10


class Keypair:
    """A private key and a certificate of it by itself, in one PEM file."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self._clock = path, clock
        self._lock = threading.Lock()
        self._read: tuple[rsa.RSAPrivateKey, x509.Certificate] | None = None

    @property
    def key(self) -> rsa.RSAPrivateKey:
        """The private key. Raises ValueError when the file holds none."""
        return self._pair()[0]

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate, which the other side must be given."""
        return self._pair()[1]

    def _pair(self) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
        with self._lock:
            if self._read is None:
                if not self.path.exists():
                    self._make()
                data = self.path.read_bytes()
                key = serialization.load_pem_private_key(data, None)
                if not isinstance(key, rsa.RSAPrivateKey):
                    raise ValueError(f"{self.path} holds no RSA key")
                self._read = (key, x509.load_pem_x509_certificate(data))
            return self._read

    def _make(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pileus SAML")])
        now = self._clock.now()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365 * _YEARS))
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        plain = serialization.NoEncryption()
        data = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        own = self.path.with_name(f".{self.path.name}-{os.getpid()}")
        descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data + certificate.public_bytes(pem))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link appears whole or not at all, and the first of two processes wins.
            os.link(own, self.path)
        except FileExistsError:
            pass
        finally:
            own.unlink()
