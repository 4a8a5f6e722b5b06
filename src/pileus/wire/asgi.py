"""The ASGI application (ASGI 3.0): bytes in, bytes out; handlers run in bounded threads."""

import asyncio
import logging
import os
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog

from ..core.errors import BadRequest, Fault, TimedOut, TooLarge, Unavailable, UriTooLong
from ..core.types import Version
from .context import Request, Response
from .dispatch import Dispatcher, Found
from .route import Route
from .service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Coroutine[Any, Any, MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Called once for every answer: service, route's path, method, status, seconds.
Observe = Callable[[str, str, str, int, float], None]
access = structlog.get_logger("pileus.access")
log = logging.getLogger(__name__)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_URL = 16_384
_IDLE = 60.0
_GATHERED = 512 << 10  # bytes of a streamed body that are handed over at once
_encode = msgspec.json.Encoder().encode


class Application:
    """The whole API as one ASGI application.

    `extra` answers paths outside every service (discovery of the root, metrics, health): a
    function of a Request, or None where the path is not one of its own. `idle`: the seconds that
    a client may be silent in the middle of a request's body before it is dropped.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        extra: Callable[[Request], Response | None],
        observe: Observe,
        threads: int = 16,
        idle: float = _IDLE,
    ) -> None:
        self.idle = idle
        self._dispatcher, self._extra, self._observe = dispatcher, extra, observe
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="api")
        # A transfer lasts as long as its client likes: it must not hold up short calls.
        self._streams = ThreadPoolExecutor(threads * 4, thread_name_prefix="stream")
        # As many as can compute at a time; more would only take turns.
        self._slow = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="slow")

    def _pool(self, route: Route) -> ThreadPoolExecutor:
        if route.stream:
            return self._streams
        return self._slow if route.slow else self._threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request_id = f"req-{uuid.uuid4()}"
        call = _Call(self, scope, receive, request_id)
        response = await call.answer()
        service = call.service
        headers = {"X-Openstack-Request-Id": request_id} | response.headers
        if service is not None and service.type == "compute":
            headers["X-Compute-Request-Id"] = request_id
        await self._send(scope, response, headers, send)
        seconds = time.perf_counter() - started
        route = call.found.route.path if call.found else ""
        name = service.type if service else ""
        self._observe(name, route, scope["method"], response.status, seconds)
        access.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=response.status,
            ms=round(seconds * 1000, 1),
            service=name,
            request_id=request_id,
        )

    async def _send(
        self, scope: Scope, response: Response, headers: dict[str, str], send: Send
    ) -> None:
        body = response.body
        stream = body if isinstance(body, Iterator) else None
        data = b""
        if stream is None:
            data = body if isinstance(body, bytes) else b"" if body is None else _encode(body)
            headers.setdefault("Content-Length", str(len(data)))
        if data or stream is not None:
            headers.setdefault("Content-Type", response.media)
        raw = [(k.encode("latin-1"), _header(v)) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        head = scope["method"] == "HEAD"
        if stream is not None and not head:
            loop = asyncio.get_running_loop()
            while (
                chunk := await loop.run_in_executor(self._streams, next, stream, None)
            ) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if head else data})


class _Call:
    """One request on its way; what is known of it so far, for the log and the error body."""

    def __init__(self, app: Application, scope: Scope, receive: Receive, request_id: str) -> None:
        self.app, self.scope, self.receive, self.id = app, scope, receive, request_id
        self.service: Service | None = None
        self.found: Found | None = None
        self._version: Version = (0, 0)

    async def answer(self) -> Response:
        """The answer, whatever happens."""
        try:
            return await self._answer()
        except Fault as fault:
            return self._fault(fault)
        except Exception:
            log.exception("%s: the handler failed", self.id)
            return self._fault(Fault("The server has met an error. Its log has the request id."))

    def _fault(self, fault: Fault) -> Response:
        if self.service is None:
            return Response(
                fault.status, {"error": {"code": fault.status, "message": fault.message}}
            )
        version = self.found.version if self.found else self._version
        return self.app._dispatcher.fault(self.service, fault, version, self.id)

    async def _answer(self) -> Response:
        scope, dispatcher = self.scope, self.app._dispatcher
        path = dispatcher.inside(scope["path"])
        self.service = dispatcher.mounted(path)
        request = _request(scope, path[len(self.service.path) :] if self.service else path)
        loop = asyncio.get_running_loop()
        if self.service is None:
            response = await loop.run_in_executor(self.app._threads, self.app._extra, request)
            if response is None:
                raise _no_service(path)
            return response
        self._version = dispatcher.version(self.service, request)
        self.found = dispatcher.find(self.service, request, self._version)
        if self.found.route.stream:
            request = _streaming(request, self._more, loop)
        else:
            _check_length(request, self.service.max_body)
            body = await _body(self._more, self.service.max_body)
            request = _with_body(request, body)
        threads = self.app._pool(self.found.route)
        return await loop.run_in_executor(threads, dispatcher.answer, self.found, request, self.id)

    async def _more(self) -> MutableMapping[str, Any]:
        """The next piece of the body. Raises TimedOut when the client is silent for too long."""
        try:
            async with asyncio.timeout(self.app.idle):
                return await self.receive()
        except TimeoutError:
            raise TimedOut(
                f"Nothing more of the request's body came for {self.app.idle:g} seconds.",
                headers={"Connection": "close"},
            ) from None


def _no_service(path: str) -> Fault:
    from ..core.errors import NotFound

    return NotFound(f"No service answers at {path[:200]}; GET / lists those that there are.")


def _header(value: str) -> bytes:
    """A header's value; a line end in a name that a client made must not end the header."""
    return _CONTROL.sub(" ", value).encode("utf-8")


def _request(scope: Scope, path: str) -> Request:
    if len(scope["path"]) + len(scope["query_string"]) > _LONGEST_URL:
        raise UriTooLong(f"The URL is longer than the limit of {_LONGEST_URL} characters.")
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers[name.decode("latin-1").lower()] = value.decode("latin-1")
    host = headers.get("host") or "{}:{}".format(*scope["server"])
    try:
        query = parse_qsl(
            scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            max_num_fields=1000,
            errors="strict",
        )
    except (ValueError, UnicodeDecodeError):
        raise BadRequest("The query string cannot be read: is it percent-encoded UTF-8?") from None
    if "\x00" in unquote(path) or any("\x00" in v for _, v in query):
        raise BadRequest("A NUL character cannot stand in a URL.")
    return Request(
        method=scope["method"],
        path=path,
        base=f"{scope['scheme']}://{host}",
        query=tuple(query),
        headers=headers,
    )


def _check_length(request: Request, limit: int) -> None:
    """Raises TooLarge for a body that says how large it is, before any of it is read."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > limit):
        raise _too_large(limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The request body is larger than the limit of {limit} bytes.")


async def _body(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unavailable("The client has gone away.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return b"".join(parts)


def _with_body(request: Request, body: bytes) -> Request:
    return Request(request.method, request.path, request.base, request.query, request.headers, body)


def _streaming(request: Request, receive: Receive, loop: asyncio.AbstractEventLoop) -> Request:
    async def gathered() -> tuple[bytes, bool]:
        """The next pieces together, and whether more follow: each way to a thread costs."""
        parts: list[bytes] = []
        size = 0
        while size < _GATHERED:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("The client has gone away in the middle of its upload.")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if not message.get("more_body"):
                return b"".join(parts), False
        return b"".join(parts), True

    def chunks() -> Iterator[bytes]:
        more = True
        while more:
            data, more = asyncio.run_coroutine_threadsafe(gathered(), loop).result()
            if data:
                yield data

    return Request(
        request.method,
        request.path,
        request.base,
        request.query,
        request.headers,
        chunks=chunks,
    )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
