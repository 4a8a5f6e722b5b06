"""A whole simulated cloud in this process, over real HTTP, for tests."""

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from pileus.app import App, build
from pileus.config import Config
from pileus.core.audit import Finding
from pileus.core.clock import Clock
from pileus.core.db import Tx
from pileus.core.desired import Desired
from pileus.core.flow import FlowRow
from pileus.core.parts import Parts
from pileus.hosts import Timing
from pileus.machine import Machine, simulated
from pileus.network import pending

from .login import login
from .wait import until

WAIT = 60.0


class Client(httpx.Client):
    """An HTTP client of one user in one project."""

    def __init__(self, base: str, token: str, project_id: str, user_id: str) -> None:
        super().__init__(base_url=base, headers={"X-Auth-Token": token}, timeout=WAIT)
        self.project_id, self.user_id = project_id, user_id


class Cloud:
    """The app, its port, and clients of the admin, of demo and of an unrelated project."""

    def __init__(
        self,
        state: Path,
        start: bool = True,
        clock: Clock | None = None,
        timing: Timing | None = None,
        agent_listen: str = "",
        database: str = "",
        identity_file: Path | None = None,
    ) -> None:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # for TCP_NODELAY
        self.listener = socket.socket(*kind)
        self.listener.bind(("127.0.0.1", 0))
        self.config = Config(
            state=state,
            port=self.listener.getsockname()[1],
            simulate=True,
            seed=1,
            admin_password="admin-secret",
            demo_password="demo-secret",
            host="host-1",
            agent_listen=agent_listen,
            database=database,
            identity_file=identity_file,
        )
        self.machine: Machine = simulated(self.config)
        self.app: App = build(self.config, self.machine, clock, timing)
        self.app.prepare()
        self._server = _server(self.app)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        if start:
            self.app.start()
        self.base = self.config.base_url
        self.admin = self.client("admin", "admin-secret", "admin")
        self.demo = self.client("demo", "demo-secret", "demo")
        self._other: Client | None = None

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self.listener]))

    @property
    def parts(self) -> Parts:
        return self.app.parts

    @property
    def other(self) -> Client:
        """A member of a project that has nothing to do with demo's."""
        if self._other is None:
            self._other = self.new_member("other")
        return self._other

    def new_member(self, name: str, role: str = "member") -> Client:
        """A new project and a user of the same name with a role in it."""
        v3 = "/identity/v3"
        project = self.admin.post(f"{v3}/projects", json={"project": {"name": name}}).json()
        body = {"user": {"name": name, "password": f"{name}-secret"}}
        user = self.admin.post(f"{v3}/users", json=body).json()
        roles = self.admin.get(f"{v3}/roles", params={"name": role}).json()["roles"]
        grant = f"projects/{project['project']['id']}/users/{user['user']['id']}"
        made = self.admin.put(f"{v3}/{grant}/roles/{roles[0]['id']}")
        assert made.status_code == 204, made.text
        return self.client(name, f"{name}-secret", name)

    def token(self, user: str, password: str, project: str) -> httpx.Response:
        """The answer to a login by password."""
        body = login(user, password, project)
        return httpx.post(f"{self.base}/identity/v3/auth/tokens", json=body, timeout=WAIT)

    def client(self, user: str, password: str, project: str) -> Client:
        """A client that is logged in."""
        answer = self.token(user, password, project)
        assert answer.status_code == 201, answer.text
        token = answer.json()["token"]
        return Client(
            self.base,
            answer.headers["X-Subject-Token"],
            token["project"]["id"],
            token["user"]["id"],
        )

    def until(self, done: Callable[[], Any], what: str = "") -> Any:
        """Wait until `done()` is true and return what it returned."""
        return until(done, what or str(done), WAIT, pause=0.005)

    def settle(self) -> None:
        """Wait until nothing is under way: no flow, no unobserved wish, no untold topology."""

        def idle(tx: Tx) -> bool:
            return not (
                tx.exists(FlowRow)
                or tx.exists(Desired, Desired.observed < Desired.revision)
                or pending(tx)
            )

        self.until(lambda: self.app.db.read(idle), "the cloud to settle")

    def audit(self) -> list[Finding]:
        """The violations that `pileus audit` would print."""
        return self.app.audit()

    def close(self) -> None:
        """Stop everything."""
        self._server.should_exit = True
        self._thread.join(10)
        self.app.stop()
        self.app.let_go()


def _server(app: App) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app.asgi, http="httptools", lifespan="off", access_log=False, log_config=None
        )
    )
