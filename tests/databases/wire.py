"""A connection to PostgreSQL that is cut at the worst moment."""

import contextlib
import socket
import threading
from typing import Literal

Moment = Literal["before the commit", "after the commit"]


class Cut:
    """Passes connections on to a server, and cuts one at a COMMIT when it is told to."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._next: Moment | None = None
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def at_the_next_commit(self, moment: Moment) -> None:
        """Cut the connection whose transaction is committed next, once."""
        self._next = moment

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for end in (self._up, self._down):
                    threading.Thread(target=end, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT" in data and self._next is not None:
                    moment, self._next = self._next, None
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                    if moment == "after the commit":
                        server.sendall(data)
                        server.settimeout(30)
                        while not server.recv(65536):
                            pass
                    break
                server.sendall(data)
        _close(client, server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        _close(client, server)

    def close(self) -> None:
        _close(self._listener)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            # Its other thread is still reading: only this lets the far end know at once.
            each.shutdown(socket.SHUT_RDWR)
        each.close()
