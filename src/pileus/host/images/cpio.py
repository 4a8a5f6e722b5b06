"""Archives that the kernel unpacks as its first root file system."""

import gzip
import os
import stat
from pathlib import Path


def archive(root: Path, target: Path) -> None:
    """Write all below `root` into the gzipped cpio `target`, everything owned by root.

    Written here because the cpio program is not on every machine, and because it would need root
    to give files an owner.
    """
    with gzip.open(target, "wb", compresslevel=1) as out:
        for number, path in enumerate(sorted(root.rglob("*")), start=1):
            name = str(path.relative_to(root))
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path).encode()
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            else:
                content = b""
            out.write(_entry(name, number, status.st_mode, content))
        out.write(_entry("TRAILER!!!", 0, 0, b""))


def _entry(name: str, number: int, mode: int, content: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    # ino, mode, uid, gid, nlink, mtime, size, four device numbers, length of the name, checksum
    fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0]
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + encoded
    return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)
