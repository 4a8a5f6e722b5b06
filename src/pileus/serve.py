"""The process that `pileus up` starts: the control plane, until it is told to stop."""

import asyncio
import contextlib
import logging
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from . import handover
from .app import App, build
from .config import Config
from .core import garbage
from .core.errors import Fault
from .core.root_key import WrongKey
from .journal import begin
from .migrations import WrongSchema
from .pidfile import take
from .settings import load
from .wire.asgi import Application, Receive, Scope, Send

_PATIENCE = 10.0  # seconds that a reset waits for the requests under way
_FAREWELL = 1.0  # seconds in which clients are told to connect anew before the version changes


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; connections are taken once everything is ready.

    Raises Taken when another process serves this state directory.
    """
    lock = take(config.state)
    begin()
    _many_files()
    garbage.seldom()
    app = build(config)
    try:
        app.prepare()
    except (WrongKey, WrongSchema, Fault) as wrong:
        logging.getLogger(__name__).error("%s", wrong)
        sys.exit(1)
    app.inherit()  # the lock says that no other process serves this state directory
    serving = _Serving(config, app)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        listener = runner.run(serving.run())
    if serving.replaced:
        handover.become(config.state, listener)  # the lock and the process id stay the same
    lock.close()
    if serving.failed:
        sys.exit(1)


def _many_files() -> None:
    """Let this process have as many open files as it may: each connection of a host is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Serving:
    """One port, and the app behind it, which `reset` replaces by a new one."""

    def __init__(self, config: Config, app: App) -> None:
        self._config, self._app = config, app
        self._asgi: Application = app.asgi
        self._open, self._idle = asyncio.Event(), asyncio.Event()
        self._open.set()
        self._under_way = 0
        self._server: uvicorn.Server | None = None
        self.failed = False
        self.replaced = False  # by a newer version, once this one has stopped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._open.wait()  # during a reset requests wait for the new app
        self._under_way += 1
        try:
            await self._asgi(scope, receive, _last(send) if self.replaced else send)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def run(self) -> socket.socket:
        """Serve until told to stop; the listening socket, for whoever comes after."""
        config = self._config
        listener = handover.inherited(config.listen, config.port) or _listener(config)
        kept = listener.dup()
        self._server = uvicorn.Server(
            uvicorn.Config(
                self,
                http="httptools",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=5,
                ssl_certfile=config.tls_cert and str(config.tls_cert),
                ssl_keyfile=config.tls_key and str(config.tls_key),
            )
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: loop.create_task(self._reset()))
        loop.add_signal_handler(signal.SIGUSR2, lambda: loop.create_task(self._replace()))
        self._app.start()
        await self._server.serve(sockets=[listener])
        await loop.run_in_executor(None, self._app.stop)
        self._app.let_go()
        if not self.replaced:
            kept.close()
        return kept

    async def _replace(self) -> None:
        """Let a newer version take over: ask clients to connect anew, then stop."""
        if self.replaced or not self._open.is_set():
            return
        logging.getLogger(__name__).info("a newer version takes over")
        server = self._server
        assert server is not None  # noqa: S101 - it received the signal
        self.replaced = True
        await asyncio.sleep(_FAREWELL)
        # From here on who connects waits for the newer version; who is connected is answered,
        # for a connection that is closed with a request in it looks like a failure.
        for accepting in server.servers:
            accepting.close()
        until = asyncio.get_running_loop().time() + _FAREWELL
        while server.server_state.connections and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.01)
        server.should_exit = True

    async def _reset(self) -> None:
        """Back to the first start, in the same process and on the same port.

        Should that fail, the process ends: the next start finds a whole database or an empty one.
        """
        if self.replaced or not self._open.is_set():
            return  # one is under way
        self._open.clear()
        loop = asyncio.get_running_loop()
        try:
            await self._until_idle()
            self._asgi, self._app = await loop.run_in_executor(None, self._anew)
        except Exception:
            logging.getLogger(__name__).exception("the reset failed; this process ends")
            self.failed = True
            assert self._server is not None  # noqa: S101 - it received the signal
            self._server.should_exit = True
        finally:
            self._open.set()

    async def _until_idle(self) -> None:
        self._idle.clear()
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), _PATIENCE)

    def _anew(self) -> tuple[Application, App]:
        old = self._app
        old.stop()
        old.wipe()
        old.close()
        app = build(self._config, old.machine)
        app.prepare()
        app.start()
        marker = self._config.state / "resets"
        marker.write_text(str(int(marker.read_text()) + 1 if marker.exists() else 1))
        return app.asgi, app


def _listener(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.listen else socket.AF_INET
    # asyncio sends without delay (TCP_NODELAY) only where the protocol is named; without it
    # every answer waits some 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((config.listen, config.port))
    return listener


def _last(send: Send) -> Send:
    """A `send` that tells the client that this connection answers no more."""

    async def telling(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"connection", b"close")]
            message = {**message, "headers": headers}
        await send(message)

    return telling


if __name__ == "__main__":
    serve(load(Path(sys.argv[1])))
