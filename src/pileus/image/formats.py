"""Each disk format's own header: what makes an image unsafe, and its disk's size in bytes."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field


class Unsafe(Exception):
    """The bytes are not a whole, safe image of the declared format; the message says why."""


@dataclass
class Kept:
    """What is kept of the bytes that passed by."""

    head: bytearray = field(default_factory=bytearray)
    tail: bytes = b""
    size: int = 0
    region_at: int = 0  # a region that the head points to (VHDX metadata)
    region: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes) -> None:
        """Keep of the next bytes what may matter."""
        start = self.size
        self.size += len(data)
        if start < HEAD_KEPT:
            self.head += data[: HEAD_KEPT - start]
            if not self.region_at and len(self.head) >= _TABLE_END:
                self.region_at = _metadata_at(self.head)
        self.tail = data[-512:] if len(data) >= 512 else (self.tail + data)[-512:]
        if self.region_at and self.size > self.region_at:
            begin = max(self.region_at + len(self.region) - start, 0)
            self.region += data[begin : begin + REGION_KEPT - len(self.region)]


HEAD_KEPT = 320 << 10
REGION_KEPT = 128 << 10
_TABLE_END = 192 * 1024 + 64 * 1024
_METADATA = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
_FILE_PARAMETERS = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
_DISK_SIZE = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
_QCOW2_KNOWN = 0b11111  # dirty, corrupt, external data file, compression type, extended L2


def qcow2_header(head: bytes | bytearray) -> int:
    """Check a qcow2 header and its extensions; the virtual size in bytes."""
    version, backing, _length, cluster_bits, size, crypt = struct.unpack_from(">IQIIQI", head, 4)
    if version not in (2, 3):
        raise Unsafe(f"The qcow2 image has version {version}; 2 and 3 are known.")
    if backing:
        raise Unsafe("The qcow2 image has a backing file; flatten it first (qemu-img convert).")
    if crypt:
        raise Unsafe("The qcow2 image is encrypted.")
    if not 9 <= cluster_bits <= 21:
        raise Unsafe(f"The qcow2 image's cluster_bits are {cluster_bits}; 9 to 21 are possible.")
    at = 72
    if version == 3:
        (features,) = struct.unpack_from(">Q", head, 72)
        (at,) = struct.unpack_from(">I", head, 100)
        if features & 4:
            raise Unsafe("The qcow2 image has its data in another file.")
        if features & 2:
            raise Unsafe("The qcow2 image is marked as corrupt.")
        if features & ~_QCOW2_KNOWN:
            raise Unsafe(f"The qcow2 image has unknown incompatible features ({features:#x}).")
        if at < 104 or at % 8:
            raise Unsafe(f"The qcow2 image's header length is {at}; it must be at least 104.")
    _extensions(head, at, 1 << cluster_bits)
    return int(size)


def _extensions(head: bytes | bytearray, at: int, cluster: int) -> None:
    # They must end within the first cluster, of which more than the head is never needed.
    end = min(cluster, len(head))
    while at + 8 <= end:
        kind, length = struct.unpack_from(">II", head, at)
        if kind == 0:
            return
        if kind == 0x44415441:
            raise Unsafe("The qcow2 image names an external data file.")
        if kind == 0xE2792ACA:
            raise Unsafe("The qcow2 image names the format of a backing file.")
        if kind == 0x0537BE77:
            raise Unsafe("The qcow2 image is encrypted.")
        if at + 8 + length > end:
            raise Unsafe("The qcow2 image's header extensions run out of the header.")
        at += 8 + (length + 7) // 8 * 8


def qcow2(kept: Kept) -> int:
    """The virtual size of a safe qcow2 image."""
    size = qcow2_header(kept.head)
    (entries,) = struct.unpack_from(">I", kept.head, 36)
    (table,) = struct.unpack_from(">Q", kept.head, 40)
    if entries and table + entries * 8 > kept.size:
        raise Unsafe("The qcow2 image is cut short: its L1 table lies beyond the end.")
    return size


def vmdk(kept: Kept, allowed: Sequence[str]) -> int:
    """The virtual size of a VMDK in one file, of one of the allowed kinds."""
    head = kept.head
    if head[:4] != b"KDMV":
        raise Unsafe("Only VMDK files that hold their data themselves are taken, not descriptors.")
    capacity, _grain, at, length = struct.unpack_from("<QQQQ", head, 12)
    if not at or not 0 < length * 512 <= 64 << 10 or (at + length) * 512 > len(head):
        raise Unsafe("The VMDK image's descriptor is not where it should be.")
    text = bytes(head[at * 512 : (at + length) * 512]).split(b"\0", 1)[0].decode("latin-1")
    kinds = re.findall(r'^\s*createType\s*=\s*"?([^"\r\n]*)', text, re.M | re.I)
    if len(kinds) != 1 or kinds[0] not in allowed:
        raise Unsafe(f"The VMDK image's createType is none of those allowed: {', '.join(allowed)}.")
    parents = re.findall(r"^\s*parentCID\s*=\s*(\S*)", text, re.M | re.I)
    if any(p.lower() != "ffffffff" for p in parents) or "parentfilenamehint" in text.lower():
        raise Unsafe("The VMDK image has a parent.")
    extents = re.findall(r"^\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\S+)\s+(.*)$", text, re.M | re.I)
    if len(extents) != 1 or extents[0][0].upper() != "SPARSE" or "/" in extents[0][1]:
        raise Unsafe("The VMDK image must have one sparse extent, in the file itself.")
    if not capacity:
        raise Unsafe("The VMDK image says that its disk is empty.")
    return int(capacity) * 512


def vhd(kept: Kept) -> int:
    """The virtual size of a fixed or dynamic VHD."""
    foot = kept.tail
    if foot[:8] != b"conectix":
        raise Unsafe("The image's disk_format is vhd, but it has no VHD footer at its end.")
    (kind,) = struct.unpack_from(">I", foot, 60)
    if kind not in (2, 3):
        raise Unsafe("The VHD image is neither fixed nor dynamic: it needs another file.")
    (size,) = struct.unpack_from(">Q", foot, 48)
    if kind == 2 and size > kept.size - 512:
        raise Unsafe("The VHD image is cut short.")
    if kind == 3 and bytes(kept.head[:512]) != foot:
        raise Unsafe("The VHD image's footer and its copy at the start differ.")
    return int(size)


def vdi(kept: Kept) -> int:
    """The virtual size of a dynamic or fixed VDI."""
    (kind,) = struct.unpack_from("<I", kept.head, 76)
    if kind not in (1, 2):
        raise Unsafe("The VDI image is neither dynamic nor fixed: it needs another file.")
    (size,) = struct.unpack_from("<Q", kept.head, 368)
    return int(size)


def iso(kept: Kept) -> int:
    """The size of the volume that an ISO 9660 image's primary descriptor tells."""
    if kept.head[32768] != 1:
        raise Unsafe("The ISO image does not begin with a primary volume descriptor.")
    (blocks,) = struct.unpack_from("<I", kept.head, 32768 + 80)
    (block,) = struct.unpack_from("<H", kept.head, 32768 + 128)
    return int(blocks * block)


def vhdx(kept: Kept) -> int:
    """The virtual size of a VHDX without a parent."""
    region = kept.region
    if region[:8] != b"metadata":
        raise Unsafe("The VHDX image's metadata is not where it should be.")
    (count,) = struct.unpack_from("<H", region, 10)
    size = -1
    for index in range(min(count, 2047)):
        item, offset, _length = struct.unpack_from("<16sII", region, 32 + index * 32)
        if item == _FILE_PARAMETERS:
            (flags,) = struct.unpack_from("<I", region, offset + 4)
            if flags & 2:
                raise Unsafe("The VHDX image has a parent.")
        elif item == _DISK_SIZE:
            (size,) = struct.unpack_from("<Q", region, offset)
    if size < 0:
        raise Unsafe("The VHDX image does not say how large its disk is.")
    return size


def _metadata_at(head: bytearray) -> int:
    if head[:8] != b"vhdxfile" or head[192 * 1024 : 192 * 1024 + 4] != b"regi":
        return 0
    (count,) = struct.unpack_from("<I", head, 192 * 1024 + 8)
    for index in range(min(count, 2047)):
        kind, offset = struct.unpack_from("<16sQ", head, 192 * 1024 + 16 + index * 32)
        if kind == _METADATA:
            return int(offset)
    return 0
