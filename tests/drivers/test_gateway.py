"""Another host's libvirtd gets through to this one's with the calls of one migration only."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from pileus.core.backend import Refused

pytestmark = pytest.mark.real  # it needs libvirt's Python bindings

REMOTE, KEEPALIVE = 0x20008086, 0x6B656570


@pytest.fixture
def passed() -> Callable[[bytes], bytes]:
    from pileus.compute.drivers.gateway import Gateway

    return Gateway(Path("none"), "ours", "<domain/>", "unix:///memory", "unix:///disks").passed


def call(procedure: int, body: bytes = b"", program: int = REMOTE, kind: int = 0) -> bytes:
    return struct.pack(">IIIiII", program, 1, procedure, kind, 7, 0) + body


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


THEIRS = (
    struct.pack(">I", 3)
    + (text("destination_xml") + struct.pack(">I", 7) + text("<domain evil='1'/>"))
    + (text("bandwidth") + struct.pack(">IQ", 4, 1))
    + (text("listen_address") + struct.pack(">I", 7) + text("0.0.0.0"))
)


def test_what_is_prepared_is_what_this_host_has_decided(
    passed: Callable[[bytes], bytes],
) -> None:
    found = passed(call(303, THEIRS + text("<cookie/>") + struct.pack(">I", 0xFFFFFFFF)))

    assert int.from_bytes(found[:4]) == len(found)
    assert found[4:28] == call(303)
    for ours in ("<domain/>", "unix:///memory", "unix:///disks", "<cookie/>"):
        assert text(ours) in found
    assert b"evil" not in found
    assert b"0.0.0.0" not in found
    assert found[-4:] != b"\xff\xff\xff\xff"


def test_what_is_finished_is_this_guest(passed: Callable[[bytes], bytes]) -> None:
    theirs = struct.pack(">I", 1) + text("destination_name") + struct.pack(">I", 7) + text("other")

    found = passed(call(306, theirs + text("<cookie/>") + struct.pack(">Ii", 0, 1)))

    assert text("ours") in found
    assert text("other") not in found
    assert found[-4:] == struct.pack(">i", 1)


@pytest.mark.parametrize("procedure", [1, 2, 60, 66, 360, 361])
def test_what_is_harmless_passes(passed: Callable[[bytes], bytes], procedure: int) -> None:
    message = call(procedure, b"abcd")

    assert passed(message) == struct.pack(">I", len(message) + 4) + message
    assert passed(call(1, program=KEEPALIVE, kind=2))


@pytest.mark.parametrize(
    "message",
    [
        call(10),  # create a domain from its definition
        call(350),
        call(303, kind=3),
        call(1, program=0x20008087),  # QEMU's own program has its monitor
        call(303, THEIRS[:-2]),
        call(303, struct.pack(">I", 1) + text("x") + struct.pack(">I", 99)),
        b"short",
    ],
)
def test_nothing_else_passes(passed: Callable[[bytes], bytes], message: bytes) -> None:
    with pytest.raises(Refused):
        passed(message)
