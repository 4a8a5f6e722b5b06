"""A toy service over real ASGI, for tests of the wire itself."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from pileus.core.db import Database
from pileus.core.errors import Conflict, OverQuota, Unauthorized
from pileus.core.ids import Ids
from pileus.core.outcome import Outcome
from pileus.core.parts import Parts
from pileus.core.policy import Credentials, Policy, Rule
from pileus.wire import faults, pages
from pileus.wire.asgi import Application
from pileus.wire.context import Context, Response
from pileus.wire.crud import Crud
from pileus.wire.dispatch import Dispatcher
from pileus.wire.route import Route
from pileus.wire.service import Microversions, Service

from ..core.rows import Box

PEOPLE = {
    "admin": Credentials(user_id="a", project_id="pa", roles=frozenset({"admin"})),
    "reader": Credentials(user_id="r", project_id="pr", roles=frozenset({"reader"})),
}


def _create(ctx: Context) -> Box:
    return ctx.tx.add(Box(**Box.parse(ctx.inner("box"), "create", ctx.where.at("box"))))


def _update(ctx: Context, box: Box) -> Box:
    ctx.tx.change(box, **Box.parse(ctx.inner("box"), "update", ctx.where.at("box")))
    return box


def _delete(ctx: Context, box: Box) -> None:
    ctx.tx.remove(box)


def _half(ctx: Context) -> object:
    ctx.tx.add(Box(name="half"))
    raise Conflict("no")


def _bug(_ctx: Context) -> object:
    raise KeyError("a bug")


def _full(_ctx: Context) -> object:
    raise OverQuota("Quota exceeded")


def _named(ctx: Context) -> object:
    name = ctx.params["name"]
    return Response(201, None, {"Location": ctx.url(f"/v1/named/{name}"), "X-Name": name})


def _complex(ctx: Context) -> object:
    same = [Box.name == name for name in ctx.request.every("name")]
    ctx.tx.all(Box, *same, *(sa.not_(one) for one in same))
    return {}


def _echo(ctx: Context) -> object:
    return Response(200, iter([b"".join(ctx.request.chunks())]), media="application/octet-stream")


CRUD = Crud(
    Box,
    "/v1/boxes",
    rule=lambda verb: "see" if verb in ("list", "show") else "change",
    create=_create,
    update=_update,
    delete=_delete,
)
TOY = Service(
    type="toy",
    name="toybox",
    path="/toy",
    routes=(
        *CRUD.routes(),
        Route("GET", "/", lambda _ctx: {"open": True}, auth=False),
        Route("POST", "/v1/half", _half),
        Route("POST", "/v1/bug", _bug),
        Route("PUT", "/v1/named/{name}", _named),
        Route("GET", "/v1/complex", _complex),
        Route("POST", "/v1/full", _full),
        Route("PUT", "/v1/stream", _echo, stream=True, tx="none"),
        Route("POST", "/v1/boxes/{box_id}/action", lambda _c: {"did": "a"}, action="a"),
        Route("POST", "/v1/boxes/{box_id}/action", lambda _c: {"did": "b"}, action="b"),
        Route("GET", "/v1/new", lambda _c: {"new": True}, since=(2, 5)),
    ),
    faults=faults.compute,
    page=pages.links,
    rules=(
        Rule("see", "role:reader or role:admin"),
        Rule("change", "role:admin"),
        Rule("see_secrets", "role:admin"),
    ),
    microversions=Microversions("toy", (2, 1), (2, 9), "X-OpenStack-Toy-API-Version"),
    max_body=100_000,
)


class Toy:
    """Calls the toy service as `admin` unless told otherwise."""

    def __init__(self, app: Application) -> None:
        self._app = app

    def __call__(self, method: str, path: str, who: str = "admin", **rest: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            headers = {"X-Auth-Token": who} if who else {}
            headers |= rest.pop("headers", {})
            async with httpx.AsyncClient(transport=transport, base_url="http://toy") as client:
                return await client.request(method, path, headers=headers, **rest)

        return asyncio.run(call())


def _authenticate(token: str) -> Credentials:
    if token not in PEOPLE:
        raise Unauthorized("unknown token")
    return PEOPLE[token]


@pytest.fixture
def toy(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[Toy]:
    db = Database(new_database() or f"sqlite:///{tmp_path / 'toy.db'}", ids=Ids(3))
    Box.table.create(db.engine)
    Outcome.table.create(db.engine)
    dispatcher = Dispatcher([TOY], Parts(db, Policy(TOY.rules)), _authenticate)
    yield Toy(Application(dispatcher, lambda _r: None, lambda *_: None))
    db.close()
