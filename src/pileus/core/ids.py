"""Ids: random by default, repeatable from a seed, derived where a step may run twice."""

import hashlib
import random
import threading
import uuid

_NAMESPACE = uuid.UUID("6f2c6f0e-7f0b-5d0c-9a39-0f0b7c1e5a11")


class Ids:
    """A source of new ids. With a seed the same calls give the same ids.

    `start` counts the processes that have drawn from this seed before on the same database: each
    draws a sequence of its own, or the second would repeat the first one's ids.
    """

    def __init__(self, seed: int | None = None, start: int = 0) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self.restart(start)

    def restart(self, start: int) -> None:
        """Begin the sequence of the process number `start`."""
        self._random: random.Random = random.SystemRandom()
        if self._seed is not None:
            self._random = random.Random(f"{self._seed}/{start}")  # noqa: S311 (for tests)

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
