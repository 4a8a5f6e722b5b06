"""Passwords: Argon2id (RFC 9106), off the event loop, a bounded number at a time."""

import logging
import os
import threading
from collections.abc import Callable

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from . import imported_hashes

# OWASP's least is 19 MiB with two passes; three take 30 to 50 ms on one core of 2024.
_MEMORY_KIB = 19 * 1024
_PASSES = 3
_OURS = "$argon2id$"
_CURRENT = f"{_OURS}v=19$m={_MEMORY_KIB},t={_PASSES},p=1$"
LONGEST = 4096
log = logging.getLogger(__name__)


class Passwords:
    """Hashes and checks passwords.

    At most one hashing a core runs at a time, so a flood of logins cannot take the memory
    (19 MiB each); the hashing itself holds no interpreter lock. Never call it in a transaction.
    """

    def __init__(self, at_once: int = 0) -> None:
        self._slots = threading.BoundedSemaphore(at_once or max(1, os.cpu_count() or 1))
        self._lock = threading.Lock()
        self._decoy = ""
        # Who checks passwords that are kept elsewhere, by what stands in the place of their hash.
        self.elsewhere: dict[str, Callable[[str, str], bool]] = {}

    def hash(self, password: str) -> str:
        """The hash to store, in the PHC string format with its parameters and salt."""
        kdf = Argon2id(
            salt=os.urandom(16),
            length=32,
            iterations=_PASSES,
            lanes=1,
            memory_cost=_MEMORY_KIB,
        )
        with self._slots:
            return kdf.derive_phc_encoded(password.encode())

    def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the one behind `stored`.

        With nothing stored (no such user, or one without a password) it takes as long and is false.
        """
        for mark, asked in self.elsewhere.items():
            if stored is not None and stored.startswith(mark):
                return asked(password, stored)
        reference = stored or self._nobody()
        with self._slots:
            try:
                if reference.startswith(_OURS):
                    Argon2id.verify_phc_encoded(password.encode(), reference)
                elif not imported_hashes.matches(password, reference):
                    return False
            except InvalidKey:
                return False
            except ValueError as wrong:
                log.warning("a stored password cannot be checked: %s", wrong)
                return False
        return stored is not None

    def outdated(self, stored: str | None) -> bool:
        """Whether the hash should be made anew, by today's cost, when its password is at hand."""
        if stored is None or stored.startswith(_CURRENT):
            return False
        return stored.startswith(_OURS) or imported_hashes.known(stored)

    def _nobody(self) -> str:
        with self._lock:
            if not self._decoy:
                self._decoy = self.hash(os.urandom(16).hex())
            return self._decoy
