"""What an image's bytes really are, found out while they pass by.

Only the few bytes that say so are kept: the head, the tail, and a format's own regions. Nothing
else ever opens an upload before it has been found to be what its disk_format says, whole in itself
(no backing file, no outside data file) and of a believable size.

Facts from: QEMU docs/interop/qcow2.txt; the VMDK 5.0, VHD 1.0 and [MS-VHDX] specifications;
ECMA-119 (ISO 9660); VirtualBox's VDI header.
"""

import struct
from collections.abc import Callable, Sequence

from . import formats
from .formats import Kept, Unsafe

HEAD = 64 << 10
TAIL = 512
_MOST = 1 << 50  # bytes: a PiB is more than any disk here could be
_PLAIN = ("raw", "ami", "ari", "aki", "gpt")
VMDK_TYPES = ("streamOptimized", "monolithicSparse")
# How the bytes of each format announce themselves.
_MAGIC: dict[str, Callable[[bytes], bool]] = {
    "qcow2": lambda head: head[:4] == b"QFI\xfb",
    "vmdk": lambda head: head[:4] in (b"KDMV", b"COWD") or _is_descriptor(head),
    "vhdx": lambda head: head[:8] == b"vhdxfile",
    "vdi": lambda head: head[64:68] == b"\x7f\x10\xda\xbe",
    "iso": lambda head: head[32769:32774] == b"CD001",
    "vhd": lambda head: head[:8] == b"conectix",
    "qed": lambda head: head[:4] == b"QED\0",
    "luks": lambda head: head[:6] == b"LUKS\xba\xbe",
    "parallels": lambda head: head[:16] in (b"WithoutFreeSpace", b"WithouFreSpacExt"),
}
_CHECKS: dict[str, Callable[[Kept], int]] = {
    "qcow2": formats.qcow2,
    "vhdx": formats.vhdx,
    "vdi": formats.vdi,
    "iso": formats.iso,
    "vhd": formats.vhd,
}


def _is_descriptor(head: bytes) -> bool:
    return head[:512].lstrip(b" \t\r\n").lower().startswith(b"# disk descriptorfile")


class Inspector:
    """Feed it an upload piece by piece, then ask for the verdict."""

    def __init__(self, disk_format: str, vmdk_types: Sequence[str] = VMDK_TYPES) -> None:
        """vmdk_types: the kinds of VMDK that are taken."""
        self.declared, self._vmdk_types = disk_format, vmdk_types
        self.kept = Kept()
        self._judged = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Unsafe as soon as they cannot be right."""
        self.kept.take(data)
        if not self._judged and len(self.kept.head) >= HEAD:
            self._judge()

    def finish(self) -> int:
        """The virtual size in bytes, once all bytes are here. Raises Unsafe."""
        if not self._judged:
            self._judge()
        if self.kept.tail[:8] == b"conectix" and self.declared != "vhd":
            raise Unsafe(self._mismatch("vhd"))
        if self.declared in _PLAIN:
            return self.kept.size
        try:
            if self.declared == "vmdk":
                size = formats.vmdk(self.kept, self._vmdk_types)
            else:
                size = _CHECKS[self.declared](self.kept)
        except (struct.error, IndexError):
            raise Unsafe(
                f"The {self.declared} image is cut short: its header ends early."
            ) from None
        if not 0 <= size <= _MOST:
            raise Unsafe(f"The {self.declared} image says that its disk has {size} bytes.")
        return size

    def _judge(self) -> None:
        self._judged = True
        head = bytes(self.kept.head)
        found = [name for name, fits in _MAGIC.items() if fits(head)]
        for name in found:
            if name != self.declared:
                raise Unsafe(self._mismatch(name))
        if self.declared == "gpt" and (head[510:512], head[512:520]) != (b"\x55\xaa", b"EFI PART"):
            raise Unsafe("The image's disk_format is gpt, but it has no GUID partition table.")
        fixed = self.declared == "vhd"  # a fixed VHD announces itself only at its end
        if not found and self.declared not in _PLAIN and not fixed:
            raise Unsafe(self._mismatch("raw"))
        if self.declared == "qcow2":
            try:
                formats.qcow2_header(head)
            except struct.error:
                raise Unsafe("The qcow2 image is cut short: its header ends early.") from None

    def _mismatch(self, found: str) -> str:
        return f"The image's disk_format is {self.declared}, but its content is {found}."
