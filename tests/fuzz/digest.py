"""What the database holds, as something that two moments can be compared by."""

import hashlib
import sqlite3
from pathlib import Path


class Watcher:
    """Tells whether anything in a cloud's database has changed, and where."""

    def __init__(self, state: Path) -> None:
        self._conn = sqlite3.connect(state / "pileus.db", check_same_thread=False)
        names = self._conn.execute("select name from sqlite_master where type = 'table'")
        self._tables = sorted(name for (name,) in names)
        self._version = self._now()
        self._digest = self._read()

    def changes(self) -> list[str]:
        """The tables whose rows differ from those at the last call."""
        if self._now() == self._version:
            return []  # nobody has committed anything since
        before, self._digest = self._digest, self._read()
        self._version = self._now()
        return [name for name in self._tables if before[name] != self._digest[name]]

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        return {
            name: self._conn.execute(f'select count(*) from "{name}"').fetchone()[0]
            for name in self._tables
        }

    def close(self) -> None:
        self._conn.close()

    def _now(self) -> int:
        return int(self._conn.execute("pragma data_version").fetchone()[0])

    def _read(self) -> dict[str, str]:
        found = {}
        for name in self._tables:
            rows = self._conn.execute(f'select * from "{name}"').fetchall()
            found[name] = hashlib.md5(repr(sorted(map(repr, rows))).encode()).hexdigest()
        return found
