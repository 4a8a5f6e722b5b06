"""A client that falls silent in the middle of a request's body is dropped."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from pileus.core.db import Database
from pileus.core.parts import Parts
from pileus.core.policy import Credentials, Policy
from pileus.wire import faults, pages
from pileus.wire.asgi import Application
from pileus.wire.context import Context
from pileus.wire.dispatch import Dispatcher
from pileus.wire.route import Route
from pileus.wire.service import Service

WAIT = 60.0


def _drain(ctx: Context) -> dict[str, int]:
    assert ctx.request.chunks is not None
    return {"size": sum(len(chunk) for chunk in ctx.request.chunks())}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server that waits a fifth of a second for the rest of a body."""
    service = Service(
        type="toy",
        name="toy",
        path="/toy",
        routes=(
            Route("POST", "/whole", lambda _c: {"whole": True}),
            Route("POST", "/stream", _drain, stream=True, tx="none"),
        ),
        faults=faults.compute,
        page=pages.links,
    )
    db = Database(f"sqlite:///{tmp_path / 'toy.db'}")
    who = Credentials(user_id="u", project_id="p", roles=frozenset({"admin"}))
    dispatcher = Dispatcher([service], Parts(db, Policy(())), lambda _token: who)
    # One thread of a kind: a request that kept it would keep the next one from its answer.
    app = Application(dispatcher, lambda _r: None, lambda *_: None, threads=1, idle=0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_config=None)
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(WAIT)
    db.close()


def _talk(port: int, path: str, body: bytes) -> bytes:
    """All that is answered to a request of 10 bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as client:
        head = f"POST /toy{path} HTTP/1.1\r\nHost: toy\r\nX-Auth-Token: t\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n"
        client.sendall(head.encode() + body)
        said = b""
        while data := client.recv(65536):
            said += data
        return said


@pytest.mark.parametrize("path", ["/whole", "/stream"])
def test_half_a_body_and_then_nothing_is_408_and_the_end(port: int, path: str) -> None:
    said = _talk(port, path, b'{"a":')

    assert said.startswith(b"HTTP/1.1 408"), said
    assert b"0.2 seconds" in said


def test_silent_clients_do_not_hold_the_threads(port: int) -> None:
    silent = [
        threading.Thread(target=_talk, args=(port, "/stream", b'{"a":'), daemon=True)
        for _ in range(12)
    ]
    for client in silent:
        client.start()

    for client in silent:
        client.join(WAIT)

    assert not any(client.is_alive() for client in silent)
