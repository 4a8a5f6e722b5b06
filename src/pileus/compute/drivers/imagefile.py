"""How large the disk inside an image file is, and whether the file stands alone."""

import struct
from pathlib import Path

from pileus.core.backend import Refused

_QCOW2 = b"QFI\xfb"
_EXTERNAL_DATA = 1 << 2


def virtual_size(path: Path, form: str) -> int:
    """The size in bytes of the disk that the image file holds.

    Raises Refused when the file is not what `form` ("qcow2" or "raw") says, or when it would have
    another file opened: such an image could read any file of the host.
    """
    if form == "raw":
        return path.stat().st_size
    if form != "qcow2":
        raise Refused(f"An image in the format {form!r} cannot be booted: use qcow2 or raw.")
    with path.open("rb") as file:
        header = file.read(104)
    if len(header) < 72 or header[:4] != _QCOW2:
        raise Refused(f"The image file {path.name} is said to be qcow2 and is not.")
    version, backing = struct.unpack_from(">IQ", header, 4)
    if backing:
        raise Refused(f"The image file {path.name} has a backing file, which is not allowed.")
    if version >= 3 and len(header) >= 80:
        features: int = struct.unpack_from(">Q", header, 72)[0]
        if features & _EXTERNAL_DATA:
            raise Refused(f"The image file {path.name} keeps its data in another file.")
    size: int = struct.unpack_from(">Q", header, 24)[0]
    return size


def disk_size(image: str, needed: int, size_gb: int) -> int:
    """The bytes of a disk of `size_gb` GiB (0: the image's own size) that starts as the image.

    Raises Refused when the image does not fit.
    """
    if not size_gb:
        return needed
    given = size_gb << 30
    if given < needed:
        raise Refused(
            f"Image {image} needs a disk of {needed / (1 << 30):.2f} GiB ({needed} bytes), and the "
            f"flavor gives {size_gb} GiB ({given} bytes): choose a flavor with a larger disk."
        )
    return given


def blank_qcow2(size: int) -> bytes:
    """A qcow2 file (version 3) of an empty disk of `size` bytes."""
    cluster = 1 << 16
    entries = -(-size // (cluster * cluster // 8))  # of the first table: one for each 512 MiB
    tables = -(-entries * 8 // cluster)
    head = b"QFI\xfb" + struct.pack(
        ">IQIIQIIQQIIQ", 3, 0, 0, 16, size, 0, entries, 3 * cluster, cluster, 1, 0, 0
    )
    head += struct.pack(">QQQII", 0, 0, 0, 4, 104)
    references = struct.pack(">Q", 2 * cluster)
    counts = struct.pack(">H", 1) * (3 + tables)
    parts = (head, references, counts, bytes(tables * cluster))
    return b"".join(part.ljust(cluster, b"\0") for part in parts)
