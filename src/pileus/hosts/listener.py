"""The agent port: a thread with an event loop, apart from that of the API."""

import asyncio
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvloop

from ..core.db import Database
from . import admission
from .door import Door
from .frames import Closed
from .hub import Hub
from .refusals import Refusals
from .timing import Timing
from .upper import Upper

log = logging.getLogger(__name__)
_THREADS = 8


class Listener:
    """Takes agents' connections between `start` and `stop`. Methods may be called by any thread."""

    def __init__(
        self, db: Database, upper: Upper, listen: str, scratch: Path, timing: Timing | None = None
    ) -> None:
        """listen: ADDRESS:PORT, an IPv6 address in brackets. Raises ValueError."""
        self._db, self._upper, self._scratch = db, upper, scratch
        self.address = parse(listen)
        self._timing = timing or Timing()
        self.refusals = Refusals(db.clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hub: Hub | None = None
        self._main: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        db.listen("desired", lambda host: self._tell("wake", host))
        db.listen(admission.TOPIC, lambda host: self._tell("removed", host))

    def start(self) -> None:
        """Bind the port and serve. Raises OSError when it cannot be had."""
        address, port = self.address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
        except OSError:
            sock.close()
            raise
        sock.listen(4096)
        sock.setblocking(False)
        self.address = (address, sock.getsockname()[1])
        self._thread = threading.Thread(target=self._run, args=(sock,), name="agent port")
        self._thread.daemon = True
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Close the port and every connection; agents call again."""
        loop, main = self._loop, self._main
        if loop is not None and main is not None:
            loop.call_soon_threadsafe(main.cancel)
        if self._thread is not None:
            self._thread.join(30)

    @property
    def connected(self) -> int:
        """How many hosts are connected here now."""
        hub = self._hub
        return 0 if hub is None else len(hub.sessions)

    def console(self, host: str, guest: str) -> bytes | None:
        """A guest's console log; None when its host cannot be asked from here."""
        loop, hub = self._loop, self._hub
        if loop is None or hub is None or host not in hub.sessions:
            return None
        asked = asyncio.run_coroutine_threadsafe(hub.console(host, guest), loop)
        try:
            found = asked.result(self._timing.call + 1)
        except (Closed, TimeoutError, KeyError):
            return None
        if found.error:
            log.warning("host %s: no console log of %s: %s", host, guest, found.error)
            return None
        return found.body

    def _tell(self, verb: str, host: str) -> None:
        loop, hub = self._loop, self._hub
        if loop is not None and hub is not None:
            loop.call_soon_threadsafe(getattr(hub, verb), host)

    def _run(self, sock: socket.socket) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(sock))

    async def _serve(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="agent port")
        self._hub = Hub(self._db, self._upper, pool, self._timing, self.refusals)
        door = Door(self._hub, sock, self._scratch)
        self._main = self._loop.create_task(_both(self._hub, door))
        self._ready.set()
        try:
            await self._main
        except asyncio.CancelledError:
            log.info("the agent port is closed")
        except Exception:
            log.exception("the agent port failed; hosts cannot connect until a restart")
        finally:
            self._loop = self._hub = self._main = None
            sock.close()
            pool.shutdown(wait=True, cancel_futures=True)


async def _both(hub: Hub, door: Door) -> None:
    await asyncio.gather(hub.run(), door.run())


def parse(listen: str) -> tuple[str, int]:
    """The address and port of ADDRESS:PORT. Raises ValueError."""
    address, _, port = listen.rpartition(":")
    if not address or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{listen!r} is not ADDRESS:PORT, as 0.0.0.0:9443 is.")
    return address.strip("[]"), int(port)
