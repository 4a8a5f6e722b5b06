"""Connections that a live move carries from one host to the other, over the move's own TLS."""

import queue
import select
import socket
import ssl
import threading
from contextlib import suppress

_PIECE = 256 << 10
_LAST = 5.0  # seconds that the other side has to end as well
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def pump(secure: ssl.SSLSocket, near: socket.socket) -> None:
    """Pass bytes both ways until one side ends; what it said before is passed on, then both end.

    One thread does both ways, as a TLS connection is not for two.
    """
    secure.setblocking(False)
    near.setblocking(False)
    out, back = memoryview(b""), memoryview(b"")
    try:
        while True:
            if not out:
                out = _taken(near)
            if not back:
                back = _taken(secure)
            left = len(out), len(back)
            out, back = _given(secure, out), _given(near, back)
            if (len(out), len(back)) != left:
                continue
            # TLS may have something to read that is not ours, and the other way round.
            select.select(
                [secure, *(() if out else (near,))],
                [*((secure,) if out else ()), *((near,) if back else ())],
                [],
            )
    except EOFError:
        with suppress(OSError):
            near.setblocking(True)
            near.sendall(back)
    except OSError:
        return
    finally:
        _closed(secure)
        near.close()


def _taken(source: socket.socket) -> memoryview:
    try:
        found = source.recv(_PIECE)
    except _NOT_NOW:
        return memoryview(b"")
    if not found:
        raise EOFError
    return memoryview(found)


def _given(goal: socket.socket, data: memoryview) -> memoryview:
    if not data:
        return data
    try:
        return data[goal.send(data) :]
    except _NOT_NOW:
        return data


def _closed(secure: ssl.SSLSocket) -> None:
    """End it so that all that was sent arrives: what is unread here would make a reset of it."""
    with suppress(OSError):
        plain = socket.socket(fileno=secure.detach())
        with plain:
            plain.settimeout(_LAST)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(_PIECE):
                pass


class Road:
    """The connections of one hand-over, at the host that the guest leaves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: queue.SimpleQueue[tuple[int, str] | None] = queue.SimpleQueue()
        self._waiting: dict[int, socket.socket] = {}
        self._open: list[socket.socket] = []
        self._count = 0
        self._closed = False
        self.ended = threading.Event()  # the hand-over, either way

    def carry(self, goal: str, near: socket.socket) -> None:
        """As `driver.Carry` says: the other host is asked to call for it."""
        with self._lock:
            if self._closed:
                near.close()
                return
            self._count += 1
            self._waiting[self._count] = near
            self._open.append(near)
            self._asked.put((self._count, goal))

    def asked(self, seconds: float) -> tuple[int, str] | None:
        """What the other host is to call for next: a number and a goal; None within the time."""
        try:
            return self._asked.get(timeout=seconds)
        except queue.Empty:
            return None

    def called(self, number: int) -> socket.socket | None:
        """The connection that the other host has called for; None when there is no such one."""
        with self._lock:
            return self._waiting.pop(number, None)

    def cut(self) -> None:
        """End every connection, so that what waits for the other host does so no more."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, {}
        for near in waiting.values():
            near.close()
        end(self._open)

    def close(self) -> None:
        """The hand-over has ended."""
        self.cut()
        self.ended.set()
        self._asked.put(None)


def end(connections: list[socket.socket]) -> None:
    """End these connections, whoever is at them."""
    for near in connections:
        with suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)
