"""The keys that seal users' credentials in the database: files of their own, which can be rotated.

They are files with numbers for names, as those of tokens are; the highest seals. A row says which
key sealed it, so a key can go once no row needs it.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from ..core.errors import Unavailable


class CredentialKeys:
    """The keys in one folder, which is made with a first key when it is not there.

    Every process reads the folder anew when it has changed, so a rotation reaches running ones.
    Processes on several hosts need the same files.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ValueError, naming the file, when a key cannot be read as one."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _numbers(folder):
            _write(folder, 1)
        self._read_at = -1
        self._keys: dict[int, Fernet] = {}
        self._look()

    @property
    def newest(self) -> int:
        """The number of the key that seals."""
        self._look()
        return max(self._keys)

    def seal(self, text: str) -> tuple[int, str]:
        """The text as it may be stored, and the number of the key that sealed it."""
        number = self.newest
        return number, self._keys[number].encrypt(text.encode()).decode()

    def open(self, number: int, sealed: str) -> str:
        """What was sealed. Raises Unavailable when the key is not here or is another one."""
        if number not in self._keys:
            self._look()
        key = self._keys.get(number)
        if key is None:
            raise Unavailable(f"{self._folder / str(number)} is missing: it seals credentials.")
        try:
            return key.decrypt(sealed.encode()).decode()
        except InvalidToken:
            where = self._folder / str(number)
            raise Unavailable(f"{where} is not the key that sealed this credential.") from None

    def add(self) -> int:
        """Make a further key, which seals from now on; its number."""
        number = self.newest + 1
        _write(self._folder, number)
        return number

    def numbers(self) -> list[int]:
        """The numbers of all keys, the oldest first."""
        self._look()
        return sorted(self._keys)

    def drop(self, number: int) -> None:
        """Remove a key that no row needs any more."""
        (self._folder / str(number)).unlink(missing_ok=True)

    def _look(self) -> None:
        changed = self._folder.stat().st_mtime_ns
        if changed != self._read_at:
            self._keys = {
                number: _read(self._folder / str(number)) for number in _numbers(self._folder)
            }
            self._read_at = changed


def _numbers(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def _read(path: Path) -> Fernet:
    try:
        return Fernet(path.read_text().strip())
    except ValueError as wrong:
        raise ValueError(f"{path} holds no Fernet key: {wrong}") from None


def _write(folder: Path, number: int) -> None:
    own = folder / f".new-{os.getpid()}"
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link appears whole or not at all, and the first of two processes wins.
        os.link(own, folder / str(number))
    except FileExistsError:
        pass
    finally:
        own.unlink()
