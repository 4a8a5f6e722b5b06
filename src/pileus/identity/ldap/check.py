"""Passwords that a directory keeps."""

from ...core.db import Database, Tx
from .config import directory_of
from .directory import Directory
from .options import Options
from .rows import Entry
from .sync import STORED


class Directories:
    """Asks directories for passwords. Never call it in a transaction."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def matches(self, password: str, stored: str) -> bool:
        """Whether the directory takes the password of the user that `stored` names.

        Raises Unavailable when the directory does not answer.
        """

        def find(tx: Tx) -> tuple[Entry | None, Options | None]:
            entry = tx.get(Entry, stored.removeprefix(STORED))
            return entry, directory_of(tx, entry.domain_id) if entry is not None else None

        entry, options = self._db.read(find)
        if entry is None or options is None or not entry.present:
            return False
        return Directory(options).verify(entry.local_id, password)
