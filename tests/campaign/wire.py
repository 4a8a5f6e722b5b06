"""A client's calls: each ends in an answer, or in doubt when the connection broke."""

import contextlib
import json
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import Any


class InDoubt(Exception):
    """The call may have been carried out or not."""


class Tally:
    """What all clients have seen so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()  # by method and status, or "in doubt"
        self.strange: list[str] = []  # answers that no client should ever get

    def note(self, what: str, strange: str = "") -> None:
        with self._lock:
            self.calls[what] += 1
            if strange:
                self.strange.append(strange)

    @property
    def total(self) -> int:
        """How many calls were answered."""
        return sum(self.calls.values()) - self.calls["in doubt"] - self.calls["lost"]


class Wire:
    """One client's connection, which is made again whenever it breaks."""

    def __init__(self, port: int, tally: Tally) -> None:
        self._port, self._tally = port, tally
        self._connection: HTTPConnection | None = None
        self.token = ""

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers. Raises InDoubt."""
        headers = {
            "X-Auth-Token": self.token,
            "Content-Type": "application/json",
            "X-OpenStack-Nova-API-Version": "2.96",
        }
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            self._connection.request(method, path, body and json.dumps(body), headers)
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, HTTPException) as problem:
            self._connection.close()
            self._connection = None
            self._tally.note("in doubt")
            time.sleep(0.2)  # what broke it is not mended faster by asking faster
            raise InDoubt(f"{method} {path}: {problem!r}") from None
        found: Any = None
        with contextlib.suppress(ValueError):
            found = json.loads(data) if data else None
        strange = ""
        if answer.status >= 500 and answer.status != 503:
            strange = (
                f"{method} {path} {body}: {answer.status} {data[:500].decode(errors='replace')}"
            )
        self._tally.note(f"{method} {answer.status}", strange)
        named = {key.lower(): value for key, value in answer.getheaders()}
        return answer.status, found, named

    def lost(self, what: str) -> None:
        """Note that something is not as it was acknowledged."""
        self._tally.note("lost", what)

    def surely(self, method: str, path: str, body: Any = None) -> tuple[int, Any, dict[str, str]]:
        """As `call`, again and again until there is an answer: for what may be asked twice."""
        deadline = time.monotonic() + 120
        while True:
            try:
                found = self.call(method, path, body)
                if found[0] != 503:
                    return found
            except InDoubt:
                pass
            assert time.monotonic() < deadline, f"{method} {path}: no answer for 120 s"
            time.sleep(0.1)
