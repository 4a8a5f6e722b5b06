"""The whole of one small request over loopback: uvicorn and granian under the same application."""

import multiprocessing
import resource
import socket
import sys
import threading
import time
from http.client import HTTPConnection

CLIENTS, SECONDS = 8, 3.0


async def app(scope: dict[str, object], receive: object, send: object) -> None:
    """Answer 200 with a little JSON."""
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"15")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
    await send({"type": "http.response.body", "body": b'{"server":"ok"}'})  # type: ignore[operator]


def _uvicorn(port: int) -> None:
    import uvicorn

    uvicorn.run(app, port=port, http="httptools", loop="uvloop", lifespan="off", log_level="error")


def _granian(port: int) -> None:
    from granian import Granian

    Granian("servers:app", port=port, interface="asginl", log_enabled=False).serve()


def _load(port: int) -> float:
    counts = [0] * CLIENTS
    stop = time.monotonic() + SECONDS

    def client(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        while time.monotonic() < stop:
            connection.request("GET", "/")
            connection.getresponse().read()
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def _measure(name: str, serve: object) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,))  # type: ignore[arg-type]
    process.start()
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    rate = _load(port)
    process.terminate()
    process.join()
    print(f"  {name:34} {rate:12,.0f}/s")


if __name__ == "__main__":
    print(f"\nserver: a small answer, {CLIENTS} Python clients (which share these cores)")
    _measure("uvicorn (httptools, uvloop)", _uvicorn)
    _measure("granian (ASGI)", _granian)
    print(
        f"  peak memory of the larger: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} kB"
    )
    sys.exit(0)
