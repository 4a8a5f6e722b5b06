"""The Fernet keys: files with numbers for names, the highest seals, all of them open."""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Keys:
    """The keys in one folder, which is made with a first key when it is not there.

    Processes on several hosts need the same files. To rotate, add a file with the next number,
    distribute it, and remove the oldest once no token sealed by it can live any more.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ValueError, naming the file, when a key cannot be read as one."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _numbers(folder):
            _first(folder)
        keys = []
        for number in sorted(_numbers(folder), reverse=True):
            path = folder / str(number)
            try:
                keys.append(Fernet(path.read_text().strip()))
            except ValueError as wrong:
                raise ValueError(f"{path} holds no Fernet key: {wrong}") from None
        self._seal, self._all = keys[0], MultiFernet(keys)

    def seal(self, data: bytes) -> str:
        """A token that only these keys can make, without padding at its end."""
        return self._seal.encrypt(data).decode().rstrip("=")

    def open(self, token: str) -> bytes | None:
        """What was sealed, or None when these keys did not make the token."""
        try:
            return self._all.decrypt((token + "=" * (-len(token) % 4)).encode("ascii"))
        except (InvalidToken, UnicodeEncodeError):
            return None


def _numbers(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def _first(folder: Path) -> None:
    own = folder / f".new-{os.getpid()}"
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key())
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link appears whole or not at all, and the first of two processes wins.
        os.link(own, folder / "1")
    except FileExistsError:
        pass
    finally:
        own.unlink()
