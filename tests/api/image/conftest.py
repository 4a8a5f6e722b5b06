"""The image service alone, over real HTTP, with tokens that say who they are."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from pileus import image
from pileus.core.audit import audit
from pileus.core.db import Database
from pileus.core.engine import Engine
from pileus.core.flow import by_name
from pileus.core.parts import Parts
from pileus.core.policy import Credentials, Policy
from pileus.core.resource import schema
from pileus.wire.asgi import Application
from pileus.wire.dispatch import Dispatcher

ROLES = {"admin": ("admin", "manager", "member", "reader"), "demo": ("member", "reader")}


def credentials(token: str) -> Credentials:
    """The token is the project's name: "admin" is the admin, "reader" only reads."""
    roles = ROLES.get(token, ("reader",) if token == "reader" else ROLES["demo"])
    return Credentials(user_id=f"u-{token}", project_id=token, roles=frozenset(roles))


@dataclass
class Harness:
    base: str
    parts: Parts

    def client(self, name: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.base + "/image", headers={"X-Auth-Token": name}, timeout=60
        )

    def files(self) -> list[str]:
        root = self.parts[image.ImageStore].root
        return sorted(p.name for p in root.rglob("*") if p.is_file() and p.name != ".lock")

    def audit(self) -> list[Any]:
        return self.parts[Database].read(lambda tx: audit(image.INVARIANTS, self.parts, tx))


def parts_of(folder: Path, url: str = "", settings: image.Settings | None = None) -> Parts:
    db = Database(url or f"sqlite:///{folder / 'pileus.db'}")
    schema.create_all(db.engine)
    parts = Parts(db, Policy(image.SERVICE.rules))
    image.furnish(parts, folder / "images", settings or image.Settings())
    return parts


@contextmanager
def served(
    folder: Path, url: str = "", settings: image.Settings | None = None
) -> Iterator[Harness]:
    """The service over HTTP, its flows carried on; these settings in place of the usual ones."""
    parts = parts_of(folder, url, settings)
    parts[Database].run(lambda tx: image.first_start(tx, parts))
    app = Application(
        Dispatcher([image.SERVICE], parts, credentials), lambda _r: None, lambda *_a: None
    )
    engine = Engine(parts[Database], by_name(image.FLOWS), parts)
    engine.start()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_config=None)
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    yield Harness(f"http://127.0.0.1:{listener.getsockname()[1]}", parts)
    server.should_exit = True
    thread.join(10)
    engine.stop()
    parts[Database].close()


@pytest.fixture(scope="module")
def harness(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]
) -> Iterator[Harness]:
    with served(tmp_path_factory.mktemp("image"), new_database()) as made:
        yield made


@pytest.fixture
def admin(harness: Harness) -> httpx.Client:
    return harness.client("admin")


@pytest.fixture
def demo(harness: Harness) -> httpx.Client:
    return harness.client("demo")


@pytest.fixture
def other(harness: Harness) -> httpx.Client:
    return harness.client("other")


@pytest.fixture
def make(demo: httpx.Client) -> Iterator[Callable[..., dict[str, Any]]]:
    made: list[str] = []

    def create(**values: Any) -> dict[str, Any]:
        body = {"name": "one", "disk_format": "raw", "container_format": "bare"} | values
        answer = demo.post("/v2/images", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        return answer.json()

    yield create
    for image_id in made:
        demo.delete(f"/v2/images/{image_id}")
