"""HTTP by hand: requests that no client library would send."""

import json
import socket
from types import TracebackType

from ..login import by_password


class Raw:
    """One connection to a cloud."""

    def __init__(self, base: str) -> None:
        host, _, port = base.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        self._left = b""

    def __enter__(self) -> "Raw":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def status(self) -> int:
        """The status of the next answer, its body read and dropped; 0 when there is none."""
        while b"\r\n\r\n" not in self._left:
            more = self._more()
            if not more:
                return 0
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        length = 0
        for line in lines[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(self._left) < length and self._more():
            pass
        self._left = self._left[length:]
        return int(lines[0].split()[1])

    def _more(self) -> bytes:
        try:
            data = self._socket.recv(65536)
        except (ConnectionError, TimeoutError):
            return b""
        self._left += data
        return data


def login(name: str) -> bytes:
    """A login by an unknown user, as the bytes of a request."""
    body = json.dumps({"auth": {"identity": by_password(name, "x")}}).encode()
    return (
        b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body


def memory() -> int:
    """What this process holds of memory, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
