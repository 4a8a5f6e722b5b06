"""Image upload and download in MB/s, against a plain file copy through the same ASGI server.

    python bench/images.py [MEGABYTES]

The yardstick is a bare ASGI application that writes a PUT's body to a file and answers a GET from
it: no hashes, no inspection, no database, no fsync. The last line is what the server's memory grew
by at its peak.
"""

import asyncio
import http.client
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
import uvicorn

PIECE = 1 << 20
ROUNDS = 3


def serve(listener: socket.socket, folder: str) -> None:
    """Serve the image API and the yardstick from one server."""
    from pileus import image
    from pileus.core.db import Database
    from pileus.core.parts import Parts
    from pileus.core.policy import Credentials, Policy
    from pileus.core.resource import schema
    from pileus.wire.asgi import Application
    from pileus.wire.dispatch import Dispatcher

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    root = Path(folder)
    db = Database(f"sqlite:///{root / 'pileus.db'}")
    schema.create_all(db.engine)
    parts = Parts(db, Policy(image.SERVICE.rules))
    image.furnish(parts, root / "images", image.Settings())
    who = Credentials(project_id="p", roles=frozenset({"admin", "member", "reader"}))
    app = Application(
        Dispatcher([image.SERVICE], parts, lambda _t: who), lambda _r: None, lambda *_a: None
    )

    async def both(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/plain":
            await plain(root / "plain", scope, receive, send)
        else:
            await app(scope, receive, send)

    config = uvicorn.Config(both, http="httptools", lifespan="off", access_log=False, log_level=40)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


async def plain(path: Path, scope: Any, receive: Any, send: Any) -> None:
    """The yardstick: a body to a file, a file to a body."""
    await_more = True
    if scope["method"] == "PUT":
        with path.open("wb") as file:
            while await_more:
                message = await receive()
                file.write(message.get("body", b""))
                await_more = message.get("more_body", False)
        length = b"0"
    else:
        length = str(path.stat().st_size).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["method"] == "GET":
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class Caller:
    """A client that sends and reads `size` bytes."""

    def __init__(self, port: int, size: int) -> None:
        self.port, self.size = port, size
        self.piece = os.urandom(PIECE)

    def call(self, method: str, path: str, body: Any = None, media: str = "") -> bytes:
        """Make one call and read the whole answer; its first bytes."""
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        headers = {"X-Auth-Token": "t", "Content-Type": media or "application/json"}
        if media:
            headers["Content-Length"] = str(self.size)
        conn.request(method, path, body, headers)
        answer = conn.getresponse()
        assert answer.status < 300, (answer.status, answer.read())
        first = answer.read(4096)
        total = len(first)
        while piece := answer.read(PIECE):
            total += len(piece)
        assert method != "GET" or total == self.size
        conn.close()
        return first

    def put(self, path: str) -> None:
        """Send `size` bytes."""
        pieces = (self.piece for _ in range(self.size // PIECE))
        self.call("PUT", path, pieces, "application/octet-stream")

    def new_image(self) -> str:
        """Make an image without bytes; its id."""
        body = b'{"name": "b", "disk_format": "raw", "container_format": "bare"}'
        return str(json.loads(self.call("POST", "/image/v2/images", body))["id"])


def seconds(work: Callable[[], Any]) -> float:
    """How long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Measure and print."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    with tempfile.TemporaryDirectory() as folder:
        server = multiprocessing.Process(target=serve, args=(listener, folder))
        server.start()
        try:
            measure(Caller(listener.getsockname()[1], megabytes * PIECE), server.pid or 0)
        finally:
            server.terminate()
            server.join()


def measure(caller: Caller, pid: int) -> None:
    """Run the rounds and print the medians."""
    deadline = time.monotonic() + 30
    while True:
        try:
            caller.new_image()
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    before = peak_mb(pid)
    times: dict[str, list[float]] = {"up": [], "down": [], "plain up": [], "plain down": []}
    for _ in range(ROUNDS):
        path = f"/image/v2/images/{caller.new_image()}"
        times["plain up"].append(seconds(lambda: caller.put("/plain")))
        times["up"].append(seconds(lambda path=path: caller.put(f"{path}/file")))
        times["plain down"].append(seconds(lambda: caller.call("GET", "/plain")))
        times["down"].append(seconds(lambda path=path: caller.call("GET", f"{path}/file")))
        caller.call("DELETE", path)
    rate = {k: caller.size / 1e6 / statistics.median(v) for k, v in times.items()}
    for name in ("up", "down"):
        ratio = rate[f"plain {name}"] / rate[name]
        print(f"{name:5} {rate[name]:7.0f} MB/s, plain {rate[f'plain {name}']:7.0f}: {ratio:.2f}×")
    print(f"memory: {before:.0f} MB before, {peak_mb(pid) - before:+.1f} MB at the peak")


if __name__ == "__main__":
    main()
