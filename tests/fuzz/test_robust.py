"""What strangers send costs nothing that lasts, and keeps nobody else waiting.

FUZZ_STRANGERS says how many junk requests are sent (10,000 by default).
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from ..cloud import Cloud
from .caught import Caught
from .digest import Watcher
from .raw import Raw, login, memory

STRANGERS = int(os.environ.get("FUZZ_STRANGERS", "10000"))
LOGINS = 100
_MIB = 1 << 20


def _junk(rng: random.Random) -> bytes:
    mount = rng.choice(["", "/identity/v3", "/compute/v2.1", "/image/v2", "/network/v2.0", "/x"])
    method = rng.choice(["GET", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
    path = f"{mount}/{rng.getrandbits(64):x}/{rng.getrandbits(64):x}?{rng.getrandbits(64):x}=1"
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {rng.getrandbits(64):x}.example\r\n"
        f"X-Auth-Token: {rng.getrandbits(256):x}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _send_junk(cloud: Cloud, rng: random.Random, count: int) -> set[int]:
    found = set()
    with Raw(cloud.base) as raw:
        for _ in range(count):
            raw.send(_junk(rng))
            found.add(raw.status())
    return found


@pytest.mark.timeout(600)
def test_ten_thousand_strangers_leave_nothing_behind(cloud: Cloud) -> None:
    rng = random.Random(1)
    cloud.settle()
    assert _send_junk(cloud, rng, STRANGERS // 5) <= {401, 404, 405}
    rows = Watcher(cloud.config.state).counts()
    before, metrics = memory(), len(httpx.get(f"{cloud.base}/metrics").text.splitlines())

    statuses = _send_junk(cloud, rng, STRANGERS * 4 // 5)
    with Raw(cloud.base) as raw:
        for number in range(LOGINS):
            raw.send(login(f"stranger-{number}"))
            statuses.add(raw.status())

    assert statuses <= {401, 404, 405}
    after = Watcher(cloud.config.state).counts()
    assert {k: v for k, v in after.items() if v > rows[k]} == {}
    # A login more in the metrics: its route, its status, and nothing of what strangers wrote.
    assert len(httpx.get(f"{cloud.base}/metrics").text.splitlines()) <= metrics + 40
    assert memory() - before < 24 * _MIB


@pytest.fixture
def stalled(cloud: Cloud) -> Iterator[None]:
    """A hundred clients that have sent half of a body, half of a head or half of an image."""
    image = cloud.demo.post(
        "/image/v2/images", json={"disk_format": "raw", "container_format": "bare"}
    ).json()["id"]
    token = str(cloud.demo.headers["X-Auth-Token"])
    halves = [
        "POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
        "POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Le",
        f"PUT /image/v2/images/{image}/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nx",
    ]
    with ExitStack() as stack:
        for number in range(100):
            raw = stack.enter_context(Raw(cloud.base))
            raw.send(halves[number % 3].encode())
        yield


def test_clients_that_stall_keep_nobody_waiting(cloud: Cloud, stalled: None) -> None:
    started = time.monotonic()

    assert cloud.demo.get("/compute/v2.1/servers/detail").status_code == 200
    assert cloud.token("demo", "demo-secret", "demo").status_code == 201
    assert cloud.demo.post("/image/v2/images", json={"name": "meanwhile"}).status_code == 201

    assert time.monotonic() - started < 20


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_100_megabytes_is_refused_without_being_read(cloud: Cloud, chunked: bool) -> None:
    before, sent = memory(), 0
    head = (
        "POST /compute/v2.1/servers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"X-Auth-Token: {cloud.demo.headers['X-Auth-Token']}\r\n"
    )
    head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else "Content-Length: 104857600\r\n\r\n"
    chunk = b"100000\r\n" + b" " * _MIB + b"\r\n"
    with Raw(cloud.base) as raw:
        raw.send(head.encode())
        if chunked:
            for _ in range(3):
                raw.send(chunk)
                sent += len(chunk)

        assert raw.status() == 413

    assert sent < 4 * _MIB
    assert memory() - before < 24 * _MIB
    assert cloud.demo.get("/compute/v2.1/servers").status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /compute/v2.1/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://evil.example/compute/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /compute/?\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /compute/ HTTP/1.1\r\n\r\n",
        b"GET /compute/ HTTP/1.0\r\n\r\n",
        b"GET /compute/ HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET /compute/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /compute/ HTTP/1.1\r\nHost: x\r\nX-Y: a\x00b\r\n\r\n",
        b"GET /compute/ HTTP/1.1\r\nHost: x\r\nX-Y: " + b"a" * 200_000 + b"\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /compute/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /compute/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /compute/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /compute/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_hardly_http_makes_nothing_fail(cloud: Cloud, data: bytes) -> None:
    with Caught() as caught, Raw(cloud.base) as raw:
        raw.send(data)

        status = raw.status()

    assert status < 500
    assert caught.take() == ""
    assert cloud.demo.get("/compute/v2.1/servers").status_code == 200
