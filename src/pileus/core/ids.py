"""Ids: random by default, repeatable from a seed, derived where a step may run twice."""

import hashlib
import random
import threading
import uuid

_NAMESPACE = uuid.UUID("6f2c6f0e-7f0b-5d0c-9a39-0f0b7c1e5a11")


class Ids:
    """A source of new ids. With a seed the same calls give the same ids."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 (seeded for tests)
        self._lock = threading.Lock()

    def uuid(self) -> str:
        """A random UUID (RFC 9562 version 4) with dashes."""
        with self._lock:
            bits = self._random.getrandbits(128)
        return str(uuid.UUID(int=bits, version=4))

    def hex(self) -> str:
        """A random UUID as 32 hexadecimal digits, as the identity service writes them."""
        return self.uuid().replace("-", "")

    def mac(self, prefix: str = "fa:16:3e") -> str:
        """A random unicast MAC address under `prefix`."""
        with self._lock:
            tail = self._random.getrandbits(24)
        return prefix + "".join(f":{tail >> shift & 255:02x}" for shift in (16, 8, 0))


def derived(*parts: object) -> str:
    """The UUID (RFC 9562 version 5) that belongs to `parts`: the same parts, the same id."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, parts))))


def digest(*parts: object) -> str:
    """A short stable name for `parts`: 16 hexadecimal digits of their SHA-256."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:16]
