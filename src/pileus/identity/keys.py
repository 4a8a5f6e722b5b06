"""What seals tokens: Fernet, by keys in files (see `key_files`)."""

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from .key_files import KeyFiles


class Keys:
    """Seals bytes so that only the holder of the keys can have done it, and opens them again."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError, naming the file, when a key cannot be read as one."""
        self.files = KeyFiles(folder, Fernet.generate_key, Fernet, "Fernet")

    def seal(self, data: bytes) -> str:
        """A token that only these keys can make, without padding at its end."""
        newest = next(iter(self.files.keys().values()))
        return newest.encrypt(data).decode().rstrip("=")

    def open(self, token: str) -> bytes | None:
        """What was sealed, or None when these keys did not make the token."""
        try:
            sealed = (token + "=" * (-len(token) % 4)).encode("ascii")
        except UnicodeEncodeError:
            return None
        for key in self.files.keys().values():
            try:
                return key.decrypt(sealed)
            except InvalidToken:
                continue
        return None
