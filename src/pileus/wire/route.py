"""Routes and the tree that finds them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ..core.errors import MethodNotAllowed, NotFound
from ..core.resource import NEWEST, OLDEST
from ..core.types import Version
from .context import Handler

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Route:
    """One method on one path of a service, or one action in the body of a POST.

    policy: the rule that the caller must pass for something of its own before the handler runs;
        handlers that act on a target check the rule again against it.
    tx: the transaction that the handler runs in ("none": it opens its own).
    action: for `POST …/action` bodies, the key that this handler answers.
    media: the content types that the body may have; a FORM is decoded to a dict.
    stream: the handler reads the body itself.
    slow: it computes for long (password hashing), so it runs in a few threads of its own and never
        keeps other calls waiting.
    """

    method: str
    path: str
    handler: Handler
    policy: str = ""
    tx: Literal["", "read", "write", "none"] = ""
    status: int = 200
    auth: bool = True
    action: str = ""
    media: tuple[str, ...] = ("application/json",)
    stream: bool = False
    slow: bool = False
    since: Version = OLDEST
    until: Version = NEWEST

    @property
    def writes(self) -> bool:
        """Whether the handler's transaction may write."""
        return (self.tx or ("read" if self.method in ("GET", "HEAD") else "write")) == "write"


@dataclass
class Node:
    """A place in the tree of paths."""

    children: dict[str, "Node"] = field(default_factory=dict)
    parameter: "Node | None" = None
    name: str = ""
    rest: bool = False  # `{name:path}` takes all that is left
    routes: dict[str, list[Route]] = field(default_factory=dict)


class Router:
    """Finds the routes of a path in as many steps as the path has segments."""

    def __init__(self, routes: Iterable[Route], strict_slash: bool = False) -> None:
        self.root, self._strict_slash = Node(), strict_slash
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self.root
        for segment in _segments(route.path):
            if segment.startswith("{"):
                name = segment.strip("{}")
                if node.parameter is None:
                    node.parameter = Node(name=name.removesuffix(":path"), rest=":path" in name)
                node = node.parameter
                if node.name != name.removesuffix(":path"):
                    raise ValueError(f"BUG: {route.path}: {name} is called {node.name} elsewhere")
            else:
                node = node.children.setdefault(segment, Node())
        node.routes.setdefault(route.method, []).append(route)

    def find(self, method: str, path: str) -> tuple[list[Route], dict[str, str]]:
        """The routes of this method and path (several: actions, microversions) and parameters.

        Raises NotFound, or MethodNotAllowed with the methods that there are.
        """
        params: dict[str, str] = {}
        node: Node | None = self.root
        segments = _segments(path)
        for index, segment in enumerate(segments):
            assert node is not None  # noqa: S101
            child = node.children.get(segment)
            if child is None and (child := node.parameter) is not None:
                if child.rest:
                    params[child.name] = "/".join(segments[index:])
                    node = child
                    break
                params[child.name] = segment
            node = child
            if node is None:
                break
        nameless = self._strict_slash and path.endswith("/") and node and node.parameter
        if node is None or not node.routes or nameless:
            raise NotFound("The resource could not be found.")
        found = node.routes.get(method)
        if found is None and method == "HEAD":
            found = node.routes.get("GET")
        if found is None:
            allowed = ", ".join(sorted(node.routes))
            raise MethodNotAllowed(
                f"The method {method} is not allowed for this resource. Allowed: {allowed}.",
                headers={"Allow": allowed},
            )
        return found, params


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]
