"""A cloud at rest with one of everything, to be broken on purpose."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pileus import network
from pileus.app import schema
from pileus.core.audit import Finding
from pileus.core.ids import derived
from pileus.first_image import NAME
from pileus.wire.context import Request
from pileus.wire.dispatch import Dispatcher

from ..flows.crash import OWNER, World


class Patient(World):
    """A world with a server on a network behind a router, and a floating IP that leads to it."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.network = self.net("networks", "network", name="inside")["id"]
        self.subnet = self.net(
            "subnets", "subnet", network_id=self.network, cidr="10.9.0.0/24", ip_version=4
        )["id"]
        public = derived("first network", None, "public")
        gateway = {"network_id": public}
        self.router = self.net("routers", "router", external_gateway_info=gateway)["id"]
        path = f"routers/{self.router}/add_router_interface"
        self.net(path, "", "PUT", subnet_id=self.subnet)
        body = {
            "name": "patient",
            "flavorRef": "42",
            "imageRef": derived("first image", None, NAME),
            "networks": [{"uuid": self.network}],
        }
        status, answer = self.call("POST", "/servers", {"server": body})
        assert status == 202, answer
        self.server = answer["server"]["id"]
        self.settle()
        self.settle()
        self.port = self.one("select id from ports where device_id = ?", self.server)
        self.floating = self.net(
            "floatingips", "floatingip", floating_network_id=public, port_id=self.port
        )["id"]
        self.settle()

    def net(self, path: str, one: str, method: str = "POST", **body: Any) -> dict[str, Any]:
        """The network API's answer."""
        self.calls += 1
        dispatcher = Dispatcher([network.SERVICE], self.app.parts, lambda _token: OWNER)
        data = json.dumps({one: body} if one else body).encode()
        request = Request(method, f"/v2.0/{path}", "", (), {"x-auth-token": "owner"}, data)
        number = f"req-{self.calls:08x}-0000-4000-8000-000000000000"
        version = dispatcher.version(network.SERVICE, request)
        found = dispatcher.find(network.SERVICE, request, version)
        answer = dispatcher.answer(found, request, number)
        found: dict[str, Any] = answer.body[one] if one else answer.body  # type: ignore[index]
        return found

    def sql(self, statement: str, *values: Any) -> None:
        """Write behind the database's back: foreign keys are not looked at."""
        with sqlite3.connect(self.config.state / "pileus.db", timeout=30) as raw:
            raw.execute(statement, values)
        raw.close()

    def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        with sqlite3.connect(self.config.state / "pileus.db", timeout=30) as raw:
            found = raw.execute(query, values).fetchone()
        raw.close()
        return found[0]

    def columns(self, table: str, *without: str) -> str:
        """The table's columns but these, for a statement that copies rows."""
        names = [column.name for column in schema.tables[table].columns]
        return ", ".join(name for name in names if name not in without)

    def mend(self) -> list[Finding]:
        """Repair until nothing changes any more; what is left."""
        for _ in range(3):
            for found in self.audit():
                if found.violation.rows is not None:
                    self.app.db.run(found.violation.rows)
                if found.violation.outside is not None:
                    found.violation.outside()
            self.settle()
            if not self.audit():
                return []
        return self.audit()


@pytest.fixture(scope="module")
def patient() -> Iterator[Patient]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as state:
        made = Patient(Path(state))
        assert made.audit() == []
        yield made
        made.app.let_go()
