"""The process that `pileus up` starts: the control plane, until it is told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from pathlib import Path

import structlog
import uvicorn
import uvloop
from structlog.typing import Processor

from .app import App, build
from .config import Config
from .pidfile import take
from .settings import load
from .wire.asgi import Application, Receive, Scope, Send

_PATIENCE = 10.0  # seconds that a reset waits for the requests under way


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; connections are taken once everything is ready.

    Raises Taken when another process serves this state directory.
    """
    lock = take(config.state)
    _logging()
    app = build(config)
    app.prepare()
    if not config.database:
        app.inherit()  # the lock says that no other process has this state's own database
    serving = _Serving(config, app)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving.run())
    lock.close()
    if serving.failed:
        sys.exit(1)


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._open.wait()  # during a reset requests wait for the new app
        self._under_way += 1
        try:
            await self._asgi(scope, receive, send)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def run(self) -> None:
        config = self._config
        family = socket.AF_INET6 if ":" in config.listen else socket.AF_INET
        # asyncio sends without delay (TCP_NODELAY) only where the protocol is named; without it
        # every answer waits some 40 ms for the client's acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.listen, config.port))
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
        self._app.start()
        await self._server.serve(sockets=[listener])
        await loop.run_in_executor(None, self._app.stop)
        self._app.let_go()

    async def _reset(self) -> None:
        """Back to the first start, in the same process and on the same port.

        Should that fail, the process ends: the next start finds a whole database or an empty one.
        """
        if not self._open.is_set():
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


def _logging() -> None:
    """JSON lines on standard output, which `pileus up` sends to the log file."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("alembic", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


if __name__ == "__main__":
    serve(load(Path(sys.argv[1])))
