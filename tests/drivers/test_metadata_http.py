"""The metadata server on loopback sockets: who is answered, and who is not waited for."""

import socket
from collections.abc import Iterator, Mapping

import pytest

from pileus.network.drivers.metadata_http import MetadataHttp


def answer(
    network: str, caller: str, method: str, path: str, headers: Mapping[str, str]
) -> tuple[int, str, bytes]:
    if path == "/broken":
        raise RuntimeError("a secret detail")
    return 200, "text/plain", f"{network} {caller} {method} {path}".encode()


@pytest.fixture
def server() -> Iterator[MetadataHttp]:
    server = MetadataHttp(answer, seconds=1)
    yield server
    server.close()


def listening(server: MetadataHttp, network: str) -> int:
    made = socket.create_server(("127.0.0.1", 0))
    port: int = made.getsockname()[1]
    server.serve(network, made)
    return port


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))


def ask(port: int, request: bytes, source: str = "127.0.0.1") -> bytes:
    with connect(port, source) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_each_socket_speaks_for_its_network(server: MetadataHttp) -> None:
    one, two = listening(server, "one"), listening(server, "two")
    assert ask(one, b"GET /a HTTP/1.0\r\n\r\n").endswith(b"one 127.0.0.1 GET /a")
    assert ask(two, b"GET /a HTTP/1.0\r\n\r\n").endswith(b"two 127.0.0.1 GET /a")


def test_head_has_no_body(server: MetadataHttp) -> None:
    reply = ask(listening(server, "one"), b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200") and reply.endswith(b"\r\n\r\n")


def test_a_failing_handler_gives_500_and_tells_nothing(server: MetadataHttp) -> None:
    reply = ask(listening(server, "one"), b"GET /broken HTTP/1.0\r\n\r\n")
    assert b" 500 " in reply.splitlines()[0] and b"secret" not in reply


@pytest.mark.parametrize("length", [b"99999999", b"-1", b"x"])
def test_a_body_without_a_sane_length_is_refused(server: MetadataHttp, length: bytes) -> None:
    request = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n"
    assert b" 413 " in ask(listening(server, "one"), request).splitlines()[0]


def test_garbage_is_refused(server: MetadataHttp) -> None:
    assert b" 400 " in ask(listening(server, "one"), b"\x00\xff garbage with words\r\n\r\n")


def test_a_silent_caller_is_hung_up_on(server: MetadataHttp) -> None:
    with connect(listening(server, "one")) as silent:
        assert silent.recv(1) == b""


def test_a_caller_with_many_connections_does_not_keep_others_out(server: MetadataHttp) -> None:
    port = listening(server, "one")
    silent = [connect(port, "127.0.0.9") for _ in range(12)]
    reply = ask(port, b"GET /a HTTP/1.0\r\n\r\n")
    assert reply.endswith(b"one 127.0.0.1 GET /a")
    for connection in silent:
        connection.close()


def test_a_dropped_network_is_not_answered(server: MetadataHttp) -> None:
    port = listening(server, "one")
    server.stop("one")
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    assert server.networks() == []
