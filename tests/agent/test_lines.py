"""What comes over a line that no agent of ours would send."""

import contextlib
import socket
import ssl
import struct

import msgspec
import pytest

from pileus.agent import Identity
from pileus.agent.connection import blind
from pileus.core.db import Tx
from pileus.core.desired import Desired, Wanted, put
from pileus.hosts.messages import Changes, FromControl, Ping, Reports

from .fleet import Site, logged


def tls(place: Site, identity: Identity | None = None) -> ssl.SSLSocket:
    context = blind()
    if identity is not None:
        context.load_cert_chain(identity.certificate)
    raw = socket.create_connection(("127.0.0.1", place.relay.port), timeout=30)
    return context.wrap_socket(raw)


def framed(message: msgspec.Struct) -> bytes:
    body = msgspec.msgpack.encode(message)
    return struct.pack(">I", len(body)) + body


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    struct.pack(">I", 0xFFFFFFFF),
    struct.pack(">I", 4) + b"\xff\xff\xff\xff",
    struct.pack(">I", 3) + b"\x91\xa1x",
    struct.pack(">I", 8000) + b"\x91" * 8000,
    struct.pack(">I", 0),
]


@pytest.mark.parametrize("data", GARBAGE)
@pytest.mark.parametrize("known", [False, True])
def test_garbage_ends_the_connection_and_nothing_else(
    place: Site, data: bytes, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"garbage-{GARBAGE.index(data)}"
    identity = place.hosts.join(name, place.token()) if known else None

    with tls(place, identity) as line:
        line.sendall(data)
        with contextlib.suppress(OSError):
            assert line.recv(1000) == b""

    place.until(lambda: logged(caplog, "is cut off: it sent"))
    place.host(f"after-{name}-{known}")


def test_one_that_says_nothing_is_cut_off(place: Site) -> None:
    with tls(place) as line:
        assert line.recv(1000) == b""


def test_plain_text_is_refused_in_the_handshake(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", place.relay.port), timeout=30) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        line.recv(1000)

    place.until(lambda: logged(caplog, "refused in the TLS handshake"))


def test_one_who_only_looks_whether_the_port_is_open_is_no_incident(place: Site) -> None:
    listener = place.cloud.app.listener
    assert listener is not None
    before = len(listener.refusals.recent())

    for _ in range(3):
        socket.create_connection(listener.address).close()
    place.host("after-looking")

    assert len(listener.refusals.recent()) == before


def test_an_agent_that_does_not_read_is_cut_off(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    identity = place.hosts.join("deaf-1", place.token())
    hello = place.hosts.attendant(identity).link.hello(place.facts("deaf-1"))

    def much(tx: Tx) -> None:
        for number in range(60):
            put(tx, "deaf-1", "metadata", str(number), {"junk": "x" * 300_000})

    place.cloud.app.db.run(much)

    with tls(place, identity) as line, contextlib.suppress(OSError):
        line.sendall(framed(hello))
        place.until(lambda: line.sendall(framed(Ping())) or logged(caplog, "has not read for"))

    assert logged(caplog, "has not read for")
    place.cloud.app.db.run(lambda tx: tx.remove_where(Desired, Desired.host == "deaf-1"))


def test_an_agent_that_does_not_wait_for_acknowledgements_is_cut_off(
    place: Site, caplog: pytest.LogCaptureFixture
) -> None:
    identity = place.hosts.join("hasty-1", place.token())
    hello = place.hosts.attendant(identity).link.hello(place.facts("hasty-1"))
    reports = b"".join(framed(Reports(n, [])) for n in range(1000))

    with tls(place, identity) as line, contextlib.suppress(OSError):
        line.sendall(framed(hello))
        line.sendall(reports)
        while line.recv(65536):
            pass

    place.until(lambda: logged(caplog, "before earlier ones were acknowledged"))


def test_wanted_objects_travel_whole(place: Site) -> None:
    wanted = Wanted("guest", "x", 7, {"name": "ä", "n": [1, 2.5, None, True]})

    sent = msgspec.msgpack.encode(Changes([wanted]))

    found = msgspec.msgpack.decode(sent, type=FromControl)
    assert isinstance(found, Changes)
    assert found.items == [wanted]
