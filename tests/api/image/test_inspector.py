"""The inspector against whole, hostile and random bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.image.formats import Unsafe
from pileus.image.inspector import Inspector

from . import crafted

FORMATS = ["raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi", "iso", "ami"]


def inspect(declared: str, data: bytes, step: int = 5000) -> int:
    inspector = Inspector(declared)
    for at in range(0, len(data), step):
        inspector.feed(data[at : at + step])
    return inspector.finish()


GPT = bytes(510) + b"\x55\xaaEFI PART".ljust(2050, b"\0")
GOOD = [
    ("gpt", GPT, 2560),
    ("raw", GPT, 2560),
    ("raw", bytes(1000), 1000),
    ("raw", b"", 0),
    ("ami", b"\x7fELF" * 100, 400),
    ("qcow2", crafted.qcow2(), 1 << 20),
    ("qcow2", crafted.qcow2(version=2), 1 << 20),
    ("qcow2", crafted.qcow2(extensions=crafted.extension(0x6803F857, b"names")), 1 << 20),
    ("vmdk", crafted.vmdk(), 1 << 20),
    ("vmdk", crafted.vmdk("streamOptimized"), 1 << 20),
    ("vhd", crafted.vhd(), 1 << 16),
    ("vhd", crafted.vhd(3), 1 << 16),
    ("vhdx", crafted.vhdx(), 1 << 20),
    ("vdi", crafted.vdi(), 1 << 20),
    ("iso", crafted.iso(), 40960),
]
EVIL = [
    ("gpt", bytes(2560)),
    ("gpt", b"short"),
    ("gpt", crafted.qcow2()),
    ("qcow2", crafted.qcow2(backing=200)),
    ("qcow2", crafted.qcow2(features=4)),
    ("qcow2", crafted.qcow2(features=2)),
    ("qcow2", crafted.qcow2(features=1 << 40)),
    ("qcow2", crafted.qcow2(crypt=1)),
    ("qcow2", crafted.qcow2(crypt=2)),
    ("qcow2", crafted.qcow2(version=1)),
    ("qcow2", crafted.qcow2(version=4)),
    ("qcow2", crafted.qcow2(cluster_bits=30)),
    ("qcow2", crafted.qcow2(size=1 << 62)),
    ("qcow2", crafted.qcow2(header=8)),
    ("qcow2", crafted.qcow2(length=72)),
    ("qcow2", crafted.qcow2(length=200)),
    ("qcow2", crafted.qcow2(extensions=crafted.extension(0x44415441, b"/etc/shadow"))),
    ("qcow2", crafted.qcow2(extensions=crafted.extension(0xE2792ACA, b"raw"))),
    ("qcow2", crafted.qcow2(extensions=crafted.extension(0x0537BE77, bytes(16)))),
    ("qcow2", crafted.qcow2(extensions=b"\x01\x02\x03\x04\xff\xff\xff\xff")),
    ("vmdk", crafted.vmdk("monolithicFlat")),
    ("vmdk", crafted.vmdk(parent="12345678")),
    ("vmdk", crafted.vmdk(extent="/etc/shadow")),
    ("vmdk", b'# Disk DescriptorFile\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/shadow" 0\n'),
    ("raw", b'# Disk DescriptorFile\ncreateType="monolithicFlat"\nRW 1 FLAT "/etc/shadow" 0\n'),
    ("vhd", crafted.vhd(4)),
    ("vhd", bytes(2000)),
    ("vhdx", crafted.vhdx(flags=2)),
    ("vhdx", crafted.vhdx()[: 1 << 20]),
    ("vdi", crafted.vdi(4)),
    ("iso", crafted.iso().replace(b"\x01CD001", b"\x02CD001")),
    ("iso", crafted.qcow2(length=32768) + crafted.iso()[32768:]),
    ("raw", b"LUKS\xba\xbe" + bytes(600)),
    ("raw", b"QED\0" + bytes(600)),
]


@pytest.mark.parametrize(("declared", "data", "size"), GOOD)
@pytest.mark.parametrize("step", [1 << 16, 511])
def test_whole_images_are_taken(declared: str, data: bytes, size: int, step: int) -> None:
    assert inspect(declared, data, step) == size


@pytest.mark.parametrize(("declared", "data"), EVIL)
def test_hostile_images_are_refused(declared: str, data: bytes) -> None:
    with pytest.raises(Unsafe):
        inspect(declared, data)


@pytest.mark.parametrize("declared", FORMATS)
def test_a_format_that_is_not_the_declared_one_is_refused(declared: str) -> None:
    for real, data, _size in GOOD:
        plain = ("raw", "ami", "gpt")  # a disk with a partition table is a raw disk
        if real not in (declared, *plain) or (real in plain) != (declared in plain):
            with pytest.raises(Unsafe):
                inspect(declared, data)


@settings(max_examples=300, deadline=None)
@given(
    declared=st.sampled_from(FORMATS),
    base=st.sampled_from([data[: 1 << 17] for _n, data, _s in GOOD]),
    edits=st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=16)), max_size=6),
    cut=st.integers(0, 1 << 17),
)
def test_any_bytes_are_taken_or_refused_and_never_unsafe(
    declared: str, base: bytes, edits: list[tuple[int, bytes]], cut: int
) -> None:
    data = bytearray(base)
    for at, new in edits:
        data[at : at + len(new)] = new
    data = data[:cut]
    try:
        size = inspect(declared, bytes(data))
    except Unsafe:
        return
    assert 0 <= size <= 1 << 50
    if data[:4] == b"QFI\xfb":
        assert declared == "qcow2"
        assert data[8:16] == bytes(8) and data[32:36] == bytes(4)
        assert data[7] == 2 or not data[79] & 4
