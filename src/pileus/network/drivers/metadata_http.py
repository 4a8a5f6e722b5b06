"""A small HTTP server on many listening sockets, one for each network."""

import logging
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

from pileus.network.driver import MetadataHandler

_WORKERS = 16
_WAITING = 64  # connections at most, all networks together
_PER_NETWORK = 24
_PER_CALLER = 6
_BODY = 64 * 1024

# Who asks is known from the socket alone: nobody may claim to be someone else.
_CLAIMS = ("x-forwarded", "forwarded", "x-real-ip", "x-instance-id", "x-tenant-id", "x-project-id",
           "x-neutron", "x-ovn", "x-pileus")  # fmt: skip

_log = logging.getLogger("pileus.network.metadata")


class MetadataHttp:
    """Accepts on the sockets given to `serve`, each for one network, and asks the handler.

    A connection lives `seconds` at most, and no caller or network can hold all of them.
    """

    def __init__(self, handler: MetadataHandler, seconds: float = 10) -> None:
        self._handler = handler
        self._seconds = seconds
        self._lock = threading.Lock()
        self._sockets: dict[str, socket.socket] = {}
        self._open: dict[socket.socket, tuple[str, str, float]] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="metadata")
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name="metadata", daemon=True)
        self._thread.start()

    def serve(self, network_id: str, listening: socket.socket) -> None:
        """Answer on this socket, instead of the network's former one if it had one."""
        listening.setblocking(False)
        with self._lock:
            old = self._sockets.pop(network_id, None)
            self._sockets[network_id] = listening
            self._selector.register(listening, selectors.EVENT_READ, network_id)
            self._end(old)
        self._wake_out.send(b"+")

    def stop(self, network_id: str) -> None:
        """Answer no more in the network; not serving there is fine."""
        with self._lock:
            self._end(self._sockets.pop(network_id, None))

    def networks(self) -> list[str]:
        """Networks in which it answers."""
        with self._lock:
            return list(self._sockets)

    def close(self) -> None:
        """Answer no more at all; closed already is fine."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            for listening in self._sockets.values():
                self._end(listening)
            self._sockets.clear()
        self._wake_out.send(b".")
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def _end(self, listening: socket.socket | None) -> None:
        if listening is not None:
            self._selector.unregister(listening)
            listening.close()

    def _accept(self) -> None:
        while not self._closing:
            # With connections open, look once a second for those that have lived too long.
            for key, _ in self._selector.select(1.0 if self._open else None):
                if key.data is None:
                    self._wake_in.recv(64)
                    continue
                listening: Any = key.fileobj
                try:
                    connection, address = listening.accept()
                except OSError:
                    continue  # the caller has gone, or the network was dropped meanwhile
                self._take(connection, key.data, address[0].removeprefix("::ffff:"))
            now = time.monotonic()
            with self._lock:
                late = [one for one, (_, _, end) in self._open.items() if end < now]
            for connection in late:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # closed by its worker just now

    def _take(self, connection: socket.socket, network_id: str, caller: str) -> None:
        with self._lock:
            networks = Counter(network for network, _, _ in self._open.values())
            callers = Counter((network, ip) for network, ip, _ in self._open.values())
            full = (
                len(self._open) >= _WAITING
                or networks[network_id] >= _PER_NETWORK
                or callers[network_id, caller] >= _PER_CALLER
            )
            if not full:
                self._open[connection] = (network_id, caller, time.monotonic() + self._seconds)
        if full:
            connection.close()
            return
        self._pool.submit(self._talk, connection, network_id, caller)

    def _talk(self, connection: socket.socket, network_id: str, caller: str) -> None:
        try:
            connection.settimeout(self._seconds)
            _Conversation(connection, network_id, caller, self._handler)
        except OSError as error:
            _log.debug("metadata caller %s in network %s: %s", caller, network_id, error)
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()


class _Conversation(BaseHTTPRequestHandler):
    """One request, one answer."""

    protocol_version = "HTTP/1.1"
    server_version = "Pileus"
    sys_version = ""

    def __init__(
        self, connection: socket.socket, network_id: str, caller: str, handler: MetadataHandler
    ) -> None:
        self._network_id, self._caller, self._handler = network_id, caller, handler
        super().__init__(connection, (caller, 0), None)  # type: ignore[arg-type]

    def _answer(self) -> None:
        self.close_connection = True
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > _BODY:
            self._send(413, "text/plain", b"The body is larger than metadata needs.\n")
            return
        self.rfile.read(int(length))
        try:
            status, content_type, body = self._handler(
                self._network_id,
                self._caller,
                self.command,
                self.path,
                _honest(self.headers.items()),
            )
        except Exception:
            _log.exception("metadata for %s in network %s", self._caller, self._network_id)
            status, content_type, body = 500, "text/plain", b"Metadata cannot be given now.\n"
        self._send(status, content_type, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are logged by whoever answers them."""


def _honest(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if not name.lower().startswith(_CLAIMS)}
