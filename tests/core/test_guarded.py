"""What a user names is fetched only from where the operator lets it be."""

import ipaddress
import socket

import pytest

from pileus.core import guarded
from pileus.core.backend import Broken, Refused
from pileus.core.guarded import Guard, fetch

from ..api.image.web import serving

LOOPBACK = Guard(ports=(), networks=(ipaddress.ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/x",
        "http:///x",
        "http://user:secret@example.org/x",
        "http://example.org:22/x",
        "http://example.org:99999/x",
        "http://exa mple.org/x",
        "http://example.org/x\r\nHost: other",
        "",
    ],
)
def test_a_url_that_is_not_allowed_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        Guard().check(url)


def test_hosts_are_allowed_or_banned_in_every_spelling() -> None:
    with pytest.raises(Refused):
        Guard(hosts=("good.example",)).check("http://bad.example/")
    with pytest.raises(Refused):
        Guard(banned=("127.0.0.1",)).check("http://0x7f.1/")
    with pytest.raises(Refused):
        Guard(banned=("bad.example",)).check("http://BAD.example./")

    Guard(hosts=("good.example",)).check("http://good.example/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_refused(address: str) -> None:
    assert not Guard().allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert Guard().allows(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]"]
)
def test_no_spelling_of_a_private_address_is_reached(host: str) -> None:
    with serving() as web:
        port = web.base.rpartition(":")[2]
        with pytest.raises((Refused, Broken)):
            b"".join(fetch(f"http://{host}:{port}/x", Guard(ports=())))
        assert web.asked == []


def test_a_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # A name server that answers otherwise the second time must not matter.
    answers: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *words: object, **named: object) -> object:
        if host != "rebind.example":
            return real(host, port, *words, **named)  # type: ignore[arg-type]
        answers.append("1.1.1.1" if not answers else "127.0.0.1")
        return real(answers[-1], port, type=socket.SOCK_STREAM)

    reached: list[object] = []

    def connect(address: tuple[str, int], _timeout: float) -> socket.socket:
        reached.append(address)
        raise OSError("no way there")

    monkeypatch.setattr(guarded.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(guarded.socket, "create_connection", connect)
    with pytest.raises(Broken):
        fetch("http://rebind.example/x", Guard())

    assert (answers, reached) == (["1.1.1.1"], [("1.1.1.1", 80)])


def test_each_redirect_is_looked_at() -> None:
    with serving() as web:
        web.files["/private"] = b"secret"
        port = int(web.base.rpartition(":")[2])
        web.redirects["/out"] = f"http://127.0.0.2:{port}/private"
        web.redirects["/file"] = "file:///etc/passwd"
        web.redirects["/round"] = "/round"
        guard = Guard(ports=(), networks=(ipaddress.ip_network("127.0.0.1/32"),))
        for path in ("/out", "/file", "/round"):
            with pytest.raises(Refused):
                fetch(web.base + path, guard)
        assert "/private" not in web.asked


def test_a_redirect_that_is_allowed_is_followed() -> None:
    with serving() as web:
        web.files["/there"] = b"found"
        web.redirects["/here"] = "/there"

        assert b"".join(fetch(f"{web.base}/here", LOOPBACK)) == b"found"


def test_a_secret_does_not_follow_to_another_host() -> None:
    with serving() as first, serving() as second:
        second.files["/x"] = b""
        first.redirects["/x"] = f"{second.base}/x"
        sent: list[dict[str, str]] = []
        real = guarded._get

        def spy(parts, guard, headers):  # type: ignore[no-untyped-def]
            sent.append(dict(headers))
            return real(parts, guard, headers)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(guarded, "_get", spy)
            guarded.ask(f"{first.base}/x", LOOPBACK, {"X-Auth-Token": "secret"})

        assert ["X-Auth-Token" in one for one in sent] == [True, False]


def test_a_limit_holds_with_and_without_a_length() -> None:
    with serving() as web:
        web.files["/x"] = bytes(100)
        with pytest.raises(Refused):
            fetch(f"{web.base}/x", LOOPBACK, limit=99)
        with pytest.raises(Refused):
            b"".join(guarded._limited(iter([bytes(60), bytes(60)]), 100))


def test_a_length_that_is_no_number_is_not_trusted() -> None:
    with serving() as web:
        web.files["/x"], web.headers["Content-Length"] = bytes(100), "much"
        with pytest.raises(Refused):
            b"".join(fetch(f"{web.base}/x", LOOPBACK, limit=99))


def test_what_breaks_off_is_no_answer() -> None:
    with serving() as web:
        web.files["/x"], web.cut = bytes(1000), 10
        with pytest.raises(Broken):
            b"".join(fetch(f"{web.base}/x", LOOPBACK))


def test_compressed_content_is_refused() -> None:
    with serving() as web:
        web.files["/x"], web.headers["Content-Encoding"] = b"x", "gzip"
        with pytest.raises(Refused):
            fetch(f"{web.base}/x", LOOPBACK)


def test_a_part_is_cut_out_where_the_server_knows_no_ranges() -> None:
    with serving() as web:
        web.files["/x"] = bytes(range(200))

        assert b"".join(fetch(f"{web.base}/x", LOOPBACK, first=50, last=59)) == bytes(range(50, 60))
