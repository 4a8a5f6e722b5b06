"""From a request to an answer: find the route, say who asks, read the body, run the handler."""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from sqlalchemy.exc import IntegrityError

from ..core.db import Database, Tx
from ..core.errors import BadRequest, Conflict, Fault, NotFound, Unauthorized, UnsupportedMediaType
from ..core.parts import Parts
from ..core.policy import Credentials
from ..core.types import Version
from .access_rules import permit
from .context import Context, Request, Response
from .route import FORM, Route, Router
from .service import Service
from .versions import answer_headers, negotiate

log = logging.getLogger(__name__)
# From X-Auth-Token and, where there is one, X-Service-Token.
Authenticate = Callable[..., Credentials]
_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DEEPEST = 64
_NOBODY = Credentials()


@dataclass(frozen=True)
class Found:
    """A request's route, settled before its body is read."""

    service: Service
    routes: tuple[Route, ...]
    params: dict[str, str]
    version: Version

    @property
    def route(self) -> Route:
        """The first of them, for what they have in common."""
        return self.routes[0]


class Dispatcher:
    """Answers requests for a set of services."""

    def __init__(self, services: Iterable[Service], parts: Parts, auth: Authenticate) -> None:
        # The longest mount first, so that "/volume/v3" would win over "/volume".
        self.services = sorted(services, key=lambda s: -len(s.path))
        self._routers = {s.path: Router(s.routes, s.strict_slash) for s in self.services}
        self._stand_ins = {
            outside: service.path + inside
            for service in self.services
            for outside, inside in service.stand_ins.items()
        }
        self._parts, self._auth = parts, auth

    def inside(self, path: str) -> str:
        """The path below a mount that a path stands for; most stand for themselves."""
        return self._stand_ins.get(path, path)

    def mounted(self, path: str) -> Service | None:
        """The service that this path belongs to."""
        for service in self.services:
            if path == service.path or path.startswith(service.path + "/"):
                return service
        return None

    def version(self, service: Service, request: Request) -> Version:
        """The microversion of a request. Raises NotAcceptable, BadRequest."""
        if service.microversions is None:
            return 0, 0
        return negotiate(request, service.microversions)

    def find(self, service: Service, request: Request, version: Version) -> Found:
        """The route of a request. Raises NotFound, MethodNotAllowed."""
        path = request.path
        if service.unversioned is not None and service.microversions is not None:
            old, new = service.unversioned
            if path.startswith(old) and path != old:
                path, version = new + path.removeprefix(old), service.microversions.oldest
        routes, params = self._routers[service.path].find(request.method, path)
        live = tuple(r for r in routes if r.since <= version <= r.until)
        if not live:
            raise NotFound("The resource could not be found.")
        return Found(service, live, params, version)

    def credentials(self, found: Found, request: Request) -> Credentials:
        """Who is asking. Raises Unauthorized."""
        token = request.headers.get("x-auth-token", "") or _bearer(request)
        if not found.route.auth and not token:
            return _NOBODY
        if not token:
            raise self._refused(request)
        try:
            service = request.headers.get("x-service-token", "")
            who = self._auth(token, service) if service else self._auth(token)
            rules = who.extra.get("access_rules")
            if rules is not None and not permit(rules, found.service, request):
                raise Unauthorized("The application credential's access rules forbid this call.")
            return who
        except Unauthorized:
            if not found.route.auth:
                return _NOBODY
            raise self._refused(request) from None

    def _refused(self, request: Request) -> Unauthorized:
        challenge = f'Keystone uri="{request.base}/identity"'
        return Unauthorized(
            "The request you have made requires authentication.",
            headers={"WWW-Authenticate": challenge},
        )

    def answer(self, found: Found, request: Request, request_id: str) -> Response:
        """Run the handler and make its result a Response. Raises Fault."""
        who = self.credentials(found, request)
        if found.service.admit is not None:
            found.service.admit(found.route, request)
        body = None if found.route.stream else _read_body(found.route, request)
        route = _choose(found.routes, body)
        asked = request.headers.get("x-openstack-request-id", "")
        context = Context(
            request=request,
            route=route,
            service=found.service,
            who=who,
            params=found.params,
            version=found.version,
            parts=self._parts,
            request_id=request_id,
            global_request_id=asked if _REQUEST_ID.fullmatch(asked) else "",
            body=body,
        )
        if route.policy:
            context.require(route.policy)
        result = self._run(route, context)
        response = result if isinstance(result, Response) else Response(route.status, result)
        if found.service.microversions is not None:
            response.headers |= answer_headers(found.version, found.service.microversions)
        return response

    def _run(self, route: Route, context: Context) -> object:
        if route.tx == "none":
            return route.handler(context)

        def work(tx: Tx) -> object:
            context._tx = tx
            return route.handler(context)

        try:
            kind = route.handler.__qualname__
            return self._parts[Database].run(work, write=route.writes, kind=kind)
        except IntegrityError as clash:
            # Two requests raced for what may exist once; the loser's transaction left nothing.
            log.info("a request lost a race: %s", clash.orig)
            raise Conflict(
                "Another request has just taken or changed what this one needs; try again.",
                kind=context.service.clash,
            ) from clash

    def fault(self, service: Service, fault: Fault, version: Version, request_id: str) -> Response:
        """The service's own error body."""
        response = service.faults(fault, version, request_id)
        if service.microversions is not None:
            shown = version if version != (0, 0) else service.microversions.oldest
            response.headers |= answer_headers(shown, service.microversions)
        return response


def _bearer(request: Request) -> str:
    """The token of a client that speaks OAuth 2.0 (RFC 6750)."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _read_body(route: Route, request: Request) -> Any:
    if not request.body:
        return None
    media = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media not in route.media:
        raise UnsupportedMediaType(
            f"The content type {media!r} is not read here; send {' or '.join(route.media)}."
        )
    if media == FORM:
        return _read_form(request.body)
    try:
        body = msgspec.json.decode(request.body)
        if request.body.count(b"[") + request.body.count(b"{") > _DEEPEST:
            _limit_depth(body)
        return body
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as wrong:
        raise BadRequest(f"Malformed JSON: {wrong}") from None


def _read_form(data: bytes) -> dict[str, str]:
    """A form's fields. Raises BadRequest for one that is not UTF-8 or names a field twice."""
    try:
        pairs = parse_qsl(
            data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError as wrong:
        raise BadRequest(f"Malformed form: {wrong}") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("Malformed form: a field is there twice.")
    return found


def _limit_depth(body: Any) -> None:
    """Raises BadRequest for a body in which things stand in one another too deeply.

    Whatever reads, shows or stores it may then recurse without a thought.
    """
    level = [body]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise BadRequest(f"The request body is nested more deeply than {_DEEPEST} levels.")


def _choose(routes: tuple[Route, ...], body: Any) -> Route:
    if not routes[0].action:
        return routes[0]
    keys = list(body) if isinstance(body, dict) else []
    if len(keys) != 1:
        raise BadRequest("The body must be an object with one key, the action.")
    for route in routes:
        if route.action == keys[0]:
            return route
    raise BadRequest(f"There is no such action: {keys[0]}")
