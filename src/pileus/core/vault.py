"""Secrets at rest: sealed by a key that stands beside the database and not in it."""

import base64
import json
import os
from pathlib import Path
from typing import Any

# The only key of an object that stands for a sealed part of a document.
_SEALED = "$sealed"
_BITS = 256


class Vault:
    """Seals texts before they are stored and opens them again.

    The same text is always sealed alike (AES-SIV, RFC 5297), so that sealed things can be
    compared without being opened.
    """

    def __init__(self, key: bytes | None = None) -> None:
        """Without a key one is made that is gone with the process."""
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self._cipher = AESSIV(key or AESSIV.generate_key(_BITS))

    @classmethod
    def at(cls, path: Path) -> "Vault":
        """The vault whose key stands in this file, which is made when it is not there.

        Processes on several hosts need the same file. Raises ValueError when it holds no key.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        if not path.exists():
            own = path.with_name(f".{path.name}-{os.getpid()}")
            descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(AESSIV.generate_key(_BITS)))
                file.flush()
                os.fsync(file.fileno())
            try:
                # A link appears whole or not at all, and the first of two processes wins.
                os.link(own, path)
            except FileExistsError:
                pass
            finally:
                own.unlink()
        try:
            return cls(base64.b64decode(path.read_bytes(), validate=True))
        except ValueError as wrong:
            raise ValueError(f"{path} holds no key: {wrong}") from None

    def seal(self, text: str) -> str:
        """The text as it may be stored."""
        return base64.b64encode(self._cipher.encrypt(text.encode(), None)).decode()

    def open(self, sealed: str) -> str:
        """The text that was sealed. Raises ValueError when another key did it."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(base64.b64decode(sealed, validate=True), None).decode()
        except InvalidTag:
            raise ValueError(
                "A stored secret was sealed by another key than this vault's."
            ) from None

    def seal_json(self, value: Any) -> dict[str, str]:
        """A part of a JSON document as it may be stored in that part's place."""
        return {_SEALED: self.seal(json.dumps(value, sort_keys=True))}

    def opened(self, value: Any) -> Any:
        """A JSON document with its sealed parts opened. Raises ValueError, as `open` does."""
        if isinstance(value, dict):
            if value.keys() == {_SEALED}:
                return json.loads(self.open(value[_SEALED]))
            return {key: self.opened(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.opened(inner) for inner in value]
        return value
