"""Placement alone, over the wire, on a fresh database."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from pileus import placement
from pileus.core.db import Database
from pileus.core.errors import Unauthorized
from pileus.core.ids import Ids
from pileus.core.parts import Parts
from pileus.core.policy import Credentials, Policy
from pileus.core.resource import schema
from pileus.wire.asgi import Application
from pileus.wire.dispatch import Dispatcher

PEOPLE = {
    "admin": frozenset({"admin", "manager", "member", "reader"}),
    "service": frozenset({"service"}),
    "member": frozenset({"member", "reader"}),
}


def _who(token: str) -> Credentials:
    if token not in PEOPLE:
        raise Unauthorized("no such token")
    return Credentials(user_id=token, project_id=f"{token}-project", roles=PEOPLE[token])


class Api:
    """A client of the placement API, as one person in one microversion."""

    def __init__(self, db: Database, app: Application, version: str, token: str) -> None:
        self.db, self.app, self.version, self.token = db, app, version, token

    def at(self, version: str) -> "Api":
        return Api(self.db, self.app, version, self.token)

    def by(self, token: str) -> "Api":
        return Api(self.db, self.app, self.version, token)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        extra_headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            headers = {"OpenStack-API-Version": f"placement {self.version}"}
            if self.token:
                headers["X-Auth-Token"] = self.token
            headers |= extra_headers or {}
            base = "http://cloud"
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                url = f"/placement{path}"
                extra = {} if body is None else {"json": body}
                return await client.request(method, url, headers=headers, **extra, **options)

        return asyncio.run(go())

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, path: str, body: Any = None, status: int = 200) -> httpx.Response:
        answer = self.call("PUT", path, body)
        assert answer.status_code == status, answer.text
        return answer

    def provider(
        self,
        number: int,
        stock: dict[str, Any] | None = None,
        traits: tuple[str, ...] = (),
        aggregates: tuple[str, ...] = (),
        parent: str | None = None,
    ) -> str:
        """A provider with inventories, traits and aggregates; its id."""
        uuid = f"00000000-0000-4000-8000-{number:012d}"
        body = {"name": f"p{number}", "uuid": uuid, "parent_provider_uuid": parent}
        assert self.call("POST", "/resource_providers", body).status_code == 200
        here = f"/resource_providers/{uuid}"
        stocks = {n: s if isinstance(s, dict) else {"total": s} for n, s in (stock or {}).items()}
        full = {"resource_provider_generation": 0, "inventories": stocks}
        self.put(f"{here}/inventories", full)
        if traits:
            self.put(f"{here}/traits", {"resource_provider_generation": 1, "traits": list(traits)})
        groups: dict[str, Any] = {"aggregates": list(aggregates)}
        for generation in [2] if traits else [1, 2]:  # every provider begins at 3
            self.put(f"{here}/aggregates", groups | {"resource_provider_generation": generation})
        return uuid

    def allocate(
        self, number: int, shares: dict[str, dict[str, int]], generation: int | None = None
    ) -> httpx.Response:
        """PUT a consumer's allocations; the answer."""
        body = {
            "allocations": {p: {"resources": r} for p, r in shares.items()},
            "project_id": "member-project",
            "user_id": "someone",
            "consumer_generation": generation,
            "consumer_type": "INSTANCE",
        }
        return self.call("PUT", f"/allocations/{consumer(number)}", body)


def consumer(number: int) -> str:
    return f"c0000000-0000-4000-8000-{number:012d}"


@pytest.fixture
def db(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[Database]:
    made = Database(new_database() or f"sqlite:///{tmp_path / 'test.db'}", ids=Ids(7))
    schema.create_all(made.engine)
    yield made
    made.close()


@pytest.fixture
def api(db: Database) -> Api:
    parts = Parts(db, Policy(placement.SERVICE.rules), placement.Index(db))
    app = Application(
        Dispatcher([placement.SERVICE], parts, _who), lambda *_: None, lambda *_: None
    )
    return Api(db, app, "1.39", "admin")
