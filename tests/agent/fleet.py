"""A control plane with an agent port and hosts that join it, in this process, over real TLS."""

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pileus import hosts
from pileus.agent import Identity
from pileus.agent.join import join
from pileus.attendant import Attendant
from pileus.core.clock import Clock, RealClock
from pileus.core.desired import Report
from pileus.core.ids import derived
from pileus.first_image import NAME
from pileus.hosts import Timing, Token

from ..cloud import WAIT, Cloud
from ..ports import free_port

QUICK = Timing(
    ping=0.2,
    silence=1.5,
    greeting=5.0,
    poll=0.1,
    seen=0.2,
    retry=0.05,
    longest=0.2,
    call=5.0,
)


class LeapClock(RealClock):
    """The machine's clock, and so many hours more."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


class Relay:
    """A cable between agents and the control plane, which can be cut, pulled or left dangling."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ends: set[socket.socket] = set()
        self._flows = threading.Event()
        self._flows.set()
        self.whole = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self.whole:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    near.close()
                    continue
                self._ends |= {near, far}
                last = threading.Semaphore(1)  # taken by the direction that ends first
                for one, other in ((near, far), (far, near)):
                    words = (one, other, last)
                    threading.Thread(target=self._copy, args=words, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, last: threading.Semaphore) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if not last.acquire(blocking=False):
            self._ends -= {source, sink}
            source.close()
            sink.close()

    def cut(self) -> None:
        """Every connection ends, and none is made."""
        self.whole = False
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.whole = True
        self._flows.set()

    def dangle(self) -> None:
        """Connections stand, and nothing comes through."""
        self._flows.clear()

    def close(self) -> None:
        self.mend()
        self.cut()
        self._listener.close()


class Hosts:
    """An event loop in a thread of its own, with hosts on it."""

    def __init__(self, folder: Path, port: int, timing: Timing = QUICK) -> None:
        self.folder, self.port, self.timing = folder, port, timing
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._pool = ThreadPoolExecutor(8)
        self.running: dict[str, Future[None]] = {}

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of a coroutine on the hosts' event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT)

    def identity(self, name: str) -> Identity:
        server = f"127.0.0.1:{self.port}"
        return Identity.begin(self.folder / name, name, server, simulated=True)

    def join(self, name: str, token: Token) -> Identity:
        """A host that has joined and does not run."""
        identity = self.identity(name)
        self.do(join(identity, token, self.timing))
        return identity

    def join_as(self, identity: Identity, token: Token) -> None:
        self.do(join(identity, token, self.timing))

    def attendant(self, identity: Identity, clock: Clock | None = None) -> Attendant:
        async def make() -> Attendant:
            return Attendant(identity, self._pool, clock=clock, timing=self.timing, resync=0.3)

        made: Attendant = self.do(make())
        return made

    def start(self, attendant: Attendant, name: str = "") -> None:
        """Let it run; the future in `running` ends when it does."""
        name = name or attendant.link.identity.name
        run = asyncio.run_coroutine_threadsafe(attendant.run(), self._loop)
        self.running[name] = run

    def stop(self, name: str) -> None:
        """The process of the host's agent ends."""
        self.running[name].cancel()
        self.do(asyncio.sleep(0.01))  # the loop's turn: the task hears of it

    def guests(self, name: str) -> set[str]:
        """Ids of the guests that the host's disk remembers."""
        found: set[str] = set()
        for line in (self.folder / name / "simulated-guests.jsonl").read_text().splitlines():
            record = json.loads(line)
            (found.discard if record.get("gone") else found.add)(record["id"])
        return found

    def stop_all(self) -> None:
        for name in list(self.running):
            self.stop(name)
        self.running.clear()

    def report(self, attendant: Attendant, report: Report) -> None:
        """Let the agent say what it has no reason to say."""
        self._loop.call_soon_threadsafe(attendant.link._told.clear)
        self._loop.call_soon_threadsafe(attendant.link._put, report)

    @contextlib.contextmanager
    def pretender(self, tls: ssl.SSLContext) -> Iterator[int]:
        """A port behind which somebody else than the control plane is."""

        async def begin() -> asyncio.Server:
            return await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=tls)

        server: asyncio.Server = self.do(begin())
        yield server.sockets[0].getsockname()[1]
        self._loop.call_soon_threadsafe(server.close)

    def close(self) -> None:
        async def end() -> None:
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._pool.shutdown()


class Site:
    """A control plane whose own host takes no servers, a cable, and hosts at its other end."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder, self.clock = folder, clock
        self._agent_port = free_port()
        self.cloud = self._cloud()
        self.relay = Relay(self._agent_port)
        self.hosts = Hosts(folder / "hosts", self.relay.port)

    def _cloud(self) -> Cloud:
        listen = f"127.0.0.1:{self._agent_port}"
        return Cloud(self.folder / "state", True, self.clock, QUICK, listen)

    def token(self, host: str | None = None, hours: float = 1) -> Token:
        return self.cloud.app.db.run(lambda tx: hosts.create_token(tx, host, hours))

    def host(self, name: str) -> Attendant:
        """A host that has joined and runs."""
        made = self.hosts.attendant(self.hosts.join(name, self.token()), self.clock)
        self.hosts.start(made, name)
        self.until(made.link.connected.is_set, f"host {name} to connect")
        return made

    def restart(self) -> None:
        """Another process of the control plane on the same database and port."""
        self.cloud.close()
        self.cloud = self._cloud()

    def facts(self, name: str) -> dict[str, Any]:
        """What a host of this name would say that it has."""
        found = asdict(self.cloud.machine.compute.facts())
        return found | {"hostname": name, "traits": []}

    def refuses(self, identity: Identity, text: str) -> bool:
        """Whether the agent gets no connection, for a reason that has this in it."""
        attendant = self.hosts.attendant(identity)
        self.hosts.start(attendant, identity.name)
        self.until(lambda: text in attendant.link.trouble.lower(), f"{text!r} to be the trouble")
        return not attendant.link.connected.is_set()

    def reconnect(self) -> None:
        """Every connection ends, and agents call again."""
        self.relay.cut()
        self.relay.mend()

    def until(self, done: Callable[[], Any], what: str = "") -> Any:
        return self.cloud.until(done, what)

    def create(self, host: str, **more: Any) -> str:
        """A server on this host; its id."""
        image = derived("first image", self.cloud.config.seed, NAME)
        body = {
            "name": "one",
            "flavorRef": "42",
            "imageRef": image,
            "availability_zone": f"nova:{host}",
            "networks": [{"uuid": self.network()}],
            **more,
        }
        answer = self.cloud.admin.post("/compute/v2.1/servers", json={"server": body})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["server"]["id"])

    def unlimited(self) -> None:
        """The admin's project may have as much as it likes."""
        admin = self.cloud.admin
        more = {"instances": -1, "cores": -1, "ram": -1}
        url = f"/compute/v2.1/os-quota-sets/{admin.project_id}"
        assert admin.put(url, json={"quota_set": more}).status_code == 200

    def network(self) -> str:
        admin = self.cloud.admin
        name = {"name": "fleet"}
        found = admin.get("/network/v2.0/networks", params=name).json()["networks"]
        if found:
            return str(found[0]["id"])
        made = admin.post("/network/v2.0/networks", json={"network": name}).json()["network"]
        subnet = {"network_id": made["id"], "cidr": "10.9.0.0/24", "ip_version": 4}
        assert admin.post("/network/v2.0/subnets", json={"subnet": subnet}).status_code == 201
        return str(made["id"])

    def show(self, server: str) -> dict[str, Any]:
        found = self.cloud.admin.get(f"/compute/v2.1/servers/{server}")
        return dict(found.json()["server"]) if found.status_code == 200 else {"status": "GONE"}

    def active(self, server: str) -> None:
        def done() -> bool:
            found = self.show(server)
            assert found["status"] != "ERROR", found
            return bool(found["status"] == "ACTIVE")

        self.until(done, "the server to be active")

    def delete(self, server: str) -> None:
        self.cloud.admin.delete(f"/compute/v2.1/servers/{server}")

    def gone(self, server: str) -> None:
        self.until(lambda: self.show(server)["status"] == "GONE", "the server to be gone")

    def services(self) -> dict[str, str]:
        """State by host."""
        found = self.cloud.admin.get("/compute/v2.1/os-services").json()["services"]
        return {one["host"]: one["state"] for one in found}

    def close(self) -> None:
        self.hosts.close()
        self.relay.close()
        self.cloud.close()


@contextlib.contextmanager
def site(folder: Path, clock: Clock | None = None) -> Iterator[Site]:
    made = Site(folder, clock)
    try:
        yield made
    finally:
        made.close()


def logged(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    """Whether this has been logged."""
    return any(text in record.getMessage() for record in list(caplog.records))
