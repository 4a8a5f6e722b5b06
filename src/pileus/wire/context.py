"""What a handler is given, and what it may answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ..core.db import Database, Tx
from ..core.errors import BadRequest, Forbidden
from ..core.parts import Parts
from ..core.policy import Credentials, Policy
from ..core.types import Version, Where

if TYPE_CHECKING:
    from .route import Route
    from .service import Service


T = TypeVar("T")
# Characters that a URL may hold (RFC 3986); "%" because parts of it may be encoded already.
_IN_URLS = "/?#[]@!$&'()*+,;=:%~"


@dataclass(frozen=True)
class Request:
    """A request as it came in, its body read (unless the route streams it)."""

    method: str
    path: str  # below the service's mount
    base: str  # "http://host:port" as the client wrote it
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    chunks: Callable[[], Iterator[bytes]] = lambda: iter(())

    def get(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)

    def every(self, name: str) -> list[str]:
        """All values of a query parameter."""
        return [value for key, value in self.query if key == name]


@dataclass
class Response:
    """An answer. `body` is JSON (dict or list), bytes, or an iterator of bytes to stream."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    media: str = "application/json"


@dataclass
class Context:
    """One call: who asks what, in which microversion, inside which transaction."""

    request: Request
    route: "Route"
    service: "Service"
    who: Credentials
    params: Mapping[str, str]
    version: Version
    parts: Parts
    request_id: str
    global_request_id: str = ""
    body: Any = None
    _tx: Tx | None = None

    @property
    def tx(self) -> Tx:
        """The call's transaction; a route declared with tx="none" opens its own by `ctx.db.run`."""
        if self._tx is None:
            raise RuntimeError(f"BUG: {self.route.path} has no transaction of its own")
        return self._tx

    @property
    def db(self) -> Database:
        """The database, for routes that open their own transactions."""
        return self.parts[Database]

    def within(self, work: Callable[[], T]) -> T:
        """What `work` returns, in a writing transaction of its own that it finds as `tx`.

        For a route without one, which first asked something that takes time.
        """

        def inner(tx: Tx) -> T:
            self._tx = tx
            return work()

        try:
            return self.db.run(inner, kind=self.route.handler.__qualname__)
        finally:
            self._tx = None

    @property
    def where(self) -> Where:
        """The place in the body where reading starts."""
        return Where("", self.version)

    @property
    def project_id(self) -> str:
        """The project that the caller's token is for, or empty."""
        return self.who.project_id

    def allows(self, rule: str, target: Mapping[str, Any] | None = None) -> bool:
        """Whether policy lets the caller do this to `target` (the caller's own by default)."""
        return self.parts[Policy].allows(rule, self.who, self.own if target is None else target)

    def require(self, rule: str, target: Mapping[str, Any] | None = None) -> None:
        """Raises Forbidden unless policy allows it."""
        if not self.allows(rule, target):
            raise Forbidden(f"Policy doesn't allow {rule} to be performed.")

    @property
    def own(self) -> dict[str, Any]:
        """The policy target that is the caller's own project, user and domain."""
        who = self.who
        return {
            "project_id": who.project_id,
            "tenant_id": who.project_id,
            "user_id": who.user_id,
            "domain_id": who.domain_id,
        }

    def inner(self, key: str) -> Any:
        """The part of the body under its one key, as `{"server": {…}}` has it."""
        if not isinstance(self.body, dict) or key not in self.body:
            raise BadRequest(f"The body must be an object with the key {key!r}.")
        return self.body[key]

    def url(self, path: str) -> str:
        """An absolute URL below the service's mount, percent-encoded where it is not yet."""
        return f"{self.request.base}{self.service.path}{quote(path, safe=_IN_URLS)}"


Handler = Callable[[Context], object]
Expand = Callable[[Context, list[Any], list[dict[str, Any]]], Iterable[Any] | None]
