"""Requests to identity providers: within a time, within a size, and never redirected."""

import ssl
from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec
import urllib3

from ...core.clock import Clock
from ...core.errors import Unavailable

_SECONDS = 10.0
_MOST = 1 << 20
_PIECE = 1 << 14


class Web:
    """Asks other servers. One for each bundle of trusted certificates ("" is the system's)."""

    def __init__(self, clock: Clock, ca_file: str = "") -> None:
        """Raises Unavailable when the bundle cannot be read."""
        self._clock = clock
        try:
            context = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as wrong:
            raise Unavailable(f"The certificates in {ca_file} cannot be read: {wrong}") from None
        self._pool = urllib3.PoolManager(
            retries=False, ssl_context=context, timeout=urllib3.Timeout(_SECONDS / 2)
        )

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> tuple[int, object]:
        """The status and the JSON (None where it is none) of a GET. Raises Unavailable."""
        return self._ask("GET", url, dict(headers or {}), None)

    def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> tuple[int, object]:
        """The status and the JSON of a form that is sent. Raises Unavailable."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, dict(headers or {}) | kind, urlencode(form).encode())

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, object]:
        headers.setdefault("Accept", "application/json")
        try:
            status, data = self._bytes(method, url, headers, body)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as wrong:
            kind = type(wrong).__name__
            raise Unavailable(f"The identity provider does not answer at {url}: {kind}.") from wrong
        if 300 <= status < 400:
            raise Unavailable(f"The identity provider redirects {url}: that is not followed.")
        try:
            return status, msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return status, None

    def _bytes(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        end = self._clock.monotonic() + _SECONDS
        answer = self._pool.request(
            method, url, body=body, headers=headers, redirect=False, preload_content=False
        )
        parts: list[bytes] = []
        size = 0
        try:
            for part in answer.stream(_PIECE, decode_content=False):
                parts.append(part)
                size += len(part)
                if size > _MOST:
                    raise ValueError(f"more than {_MOST} bytes")
                if self._clock.monotonic() > end:
                    raise TimeoutError(f"longer than {_SECONDS:g} seconds")
        except BaseException:
            answer.close()  # what is left of it must not be read by the next request
            raise
        answer.release_conn()
        return answer.status, b"".join(parts)
