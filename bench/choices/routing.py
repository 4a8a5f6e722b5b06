"""Finding one of 600 routes: our tree, falcon's compiled router, starlette's list."""

from clock import table
from falcon.routing import CompiledRouter
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute

from pileus.wire.route import Route, Router

PATHS = [f"/v2.1/kind{n}/{{a}}/part{n}/{{b}}" for n in range(600)]
TARGET = "/v2.1/kind450/8a7f/part450/77"


class _Resource:
    def on_get(self, _request: object, _response: object) -> None:
        """Answer nothing."""


async def _nothing(_request: object) -> None:
    """Answer nothing."""


ours = Router(Route("GET", path, lambda _ctx: None) for path in PATHS)
falcon = CompiledRouter()
for path in PATHS:
    falcon.add_route(path, _Resource())
starlette = [StarletteRoute(path, _nothing) for path in PATHS]
scope = {"type": "http", "path": TARGET, "method": "GET", "root_path": ""}


def _scan() -> object:
    return next(r for r in starlette if r.matches(scope)[0] == Match.FULL)


table(
    "routing: find one of 600 routes",
    {
        "our tree": lambda: ours.find("GET", TARGET),
        "falcon's compiled router": lambda: falcon.find(TARGET),
        "starlette's list": _scan,
    },
)
