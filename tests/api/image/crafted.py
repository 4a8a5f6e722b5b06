"""Image headers made by hand, whole and hostile."""

import struct


def qcow2(
    *,
    version: int = 3,
    backing: int = 0,
    cluster_bits: int = 16,
    size: int = 1 << 20,
    crypt: int = 0,
    features: int = 0,
    header: int = 104,
    extensions: bytes = b"",
    length: int = 65536 * 4,
) -> bytes:
    head = b"QFI\xfb" + struct.pack(
        ">IQIIQIIQQIIQ", version, backing, 0, cluster_bits, size, crypt, 1, 65536, 131072, 1, 0, 0
    )
    if version == 3:
        head += struct.pack(">QQQII", features, 0, 0, 4, header)
    return (head + extensions).ljust(length, b"\0")


def extension(kind: int, data: bytes = b"") -> bytes:
    return struct.pack(">II", kind, len(data)) + data.ljust(-(-len(data) // 8) * 8, b"\0")


def vmdk(kind: str = "monolithicSparse", parent: str = "ffffffff", extent: str = "d.vmdk") -> bytes:
    text = (
        f'# Disk DescriptorFile\nCID=1\nparentCID={parent}\ncreateType="{kind}"\n'
        f'RW 2048 SPARSE "{extent}"\n'
    ).encode()
    head = b"KDMV" + struct.pack("<IIQQQQ", 1, 3, 2048, 128, 1, 20)
    return head.ljust(512, b"\0") + text.ljust(20 * 512, b"\0") + bytes(1 << 16)


def vhd_footer(kind: int, size: int) -> bytes:
    return b"conectix".ljust(48, b"\0") + struct.pack(">QII", size, 0, kind) + bytes(448)


def vhd(kind: int = 2, size: int = 1 << 16) -> bytes:
    foot = vhd_footer(kind, size)
    return (foot if kind != 2 else b"") + bytes(size) + foot


def vdi(kind: int = 1, size: int = 1 << 20) -> bytes:
    head = bytes(64) + b"\x7f\x10\xda\xbe" + bytes(8) + struct.pack("<I", kind)
    return head.ljust(368, b"\0") + struct.pack("<Q", size) + bytes(4096)


def iso(blocks: int = 20) -> bytes:
    volume = b"\x01CD001\x01".ljust(80, b"\0") + struct.pack("<I", blocks)
    volume = volume.ljust(128, b"\0") + struct.pack("<H", 2048)
    return bytes(32768) + volume.ljust(2048 * 4, b"\0")


def vhdx(flags: int = 0, size: int = 1 << 20, at: int = 2 << 20) -> bytes:
    metadata = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
    parameters = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
    disk = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
    table = b"regi" + struct.pack("<III", 0, 1, 0) + metadata + struct.pack("<QII", at, 1 << 16, 1)
    items = b"metadata" + struct.pack("<HH", 0, 2) + bytes(20)
    items += parameters + struct.pack("<IIII", 65536, 8, 0, 0)
    items += disk + struct.pack("<IIII", 65544, 8, 0, 0)
    disk_size = struct.pack("<Q", size)
    region = items.ljust(65536, b"\0") + struct.pack("<II", 1 << 20, flags) + disk_size
    return (b"vhdxfile".ljust(192 << 10, b"\0") + table).ljust(at, b"\0") + region
