"""Commits made durable together: one call to the disk for all that wait, and no lock held."""

import os
import threading
from pathlib import Path


class WalSync:
    """Sees that what has been committed to a SQLite database survives a loss of power.

    SQLite itself (synchronous=FULL) would call the disk within each commit, while every other
    writer waits. With synchronous=NORMAL it only appends to its write-ahead log, in the order of
    the commits, and syncs that before it copies pages to the database; so whoever has promised
    something syncs the log, and with it every earlier commit.
    """

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(database.name + "-wal")
        self._turn = threading.Condition()
        self._asked = 0  # calls of `wait` so far
        self._done = 0  # calls of `wait` that a finished sync covers
        self._busy = False

    def wait(self) -> None:
        """Return once every commit that was made before this call is on the disk."""
        with self._turn:
            self._asked += 1
            mine = self._asked
            while self._busy and self._done < mine:
                self._turn.wait()
            if self._done >= mine:
                return
            self._busy, covered = True, self._asked
        try:
            self._sync()
        except BaseException:
            covered = 0
            raise
        finally:
            with self._turn:
                self._busy, self._done = False, max(self._done, covered)
                self._turn.notify_all()

    def _sync(self) -> None:
        # Opened each time: SQLite replaces the file when its last connection goes.
        try:
            log = os.open(self._log, os.O_RDONLY)
        except FileNotFoundError:
            return  # everything has been copied to the database, which was synced
        try:
            os.fdatasync(log)
        finally:
            os.close(log)
