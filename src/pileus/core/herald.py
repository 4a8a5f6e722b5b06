"""Signals between the processes of one cloud: LISTEN and NOTIFY of PostgreSQL, one connection each.

They only shorten polls, so they are sent after the commit and may get lost: no transaction waits
for them, and nothing is wrong when the connection is away for a while.
"""

import contextlib
import json
import logging
import os
import queue
import select
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .db import Database

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)
_CHANNEL = "pileus"
_MOST = 100  # signals in one message, which may have 8,000 bytes
_AGAIN = 1.0
# Whoever wakes a flow carries it on; should that process die, the polls of the others find it.
_OWN = {"flow"}


class Herald:
    """Hands this process's signals to the others, and theirs to this process's listeners."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._out: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._wake_out, self._wake_in = os.pipe()
        for end in (self._wake_out, self._wake_in):
            os.set_blocking(end, False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="herald", daemon=True)

    def start(self) -> None:
        """Start listening and telling."""
        self._db.outward(self.send)
        self._thread.start()

    def stop(self) -> None:
        """Stop, if it has been started; signals that are not sent by now are lost."""
        self._db.outward(lambda _signals: None)
        self._stop.set()
        self._nudge()
        if self._thread.ident is not None:
            self._thread.join(10)
        os.close(self._wake_in)
        os.close(self._wake_out)

    def send(self, signals: Iterable[tuple[str, str]]) -> None:
        """Tell the other processes soon."""
        told = [signal for signal in signals if signal[0] not in _OWN]
        for signal in told:
            self._out.put(signal)
        if told:
            self._nudge()

    def _nudge(self) -> None:
        try:
            os.write(self._wake_in, b"x")
        except BlockingIOError:
            pass  # it is awake already
        except OSError as closed:
            log.debug("a signal after the end: %s", closed)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._db.engine.connect() as pooled:
                    raw: Any = pooled.connection.driver_connection
                    pooled.detach()
                    raw.autocommit = True
                    self._talk(raw)
            except Exception as problem:  # whatever it is, polls do its work meanwhile
                if not self._stop.is_set():
                    log.warning("other processes cannot be heard, trying again: %s", problem)
            self._stop.wait(_AGAIN)

    def _talk(self, raw: "psycopg.Connection[Any]") -> None:
        raw.add_notify_handler(self._heard)
        raw.execute(f"LISTEN {_CHANNEL}")
        self._db.missed(_OWN)
        poll = select.poll()
        for end in (raw.fileno(), self._wake_out):
            poll.register(end, select.POLLIN)
        while not self._stop.is_set():
            # Not select(): a process with many hosts has more descriptors than that can name.
            poll.poll(10_000)
            self._drain()
            batch = self._batch()
            if batch:
                payload = json.dumps([self._db.owner, batch])
                raw.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, payload))
            else:
                raw.execute("")  # reads what has come, and sees that the server is there

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_out, 65536)

    def _batch(self) -> list[tuple[str, str]]:
        found: dict[tuple[str, str], None] = {}
        size = 0
        while len(found) < _MOST and size < 6000 and not self._out.empty():
            signal = self._out.get()
            size += len(json.dumps(signal)) + 2
            found[signal] = None
        if not self._out.empty():
            self._nudge()
        return list(found)

    def _heard(self, notify: Any) -> None:
        try:
            owner, signals = json.loads(notify.payload)
            if owner != self._db.owner:
                self._db.deliver((str(topic), str(key)) for topic, key in signals)
        except (ValueError, TypeError) as wrong:
            log.warning("another process sent what cannot be read: %s", wrong)
