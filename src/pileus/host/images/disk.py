"""A bootable disk, put together without root and without a loop device.

One MBR, GRUB's core image in the gap behind it, and one ext4 partition made from a folder.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from pileus.host.images.debs import run

SECTOR = 512
START = 2048  # the partition's first sector: 1 MiB, which leaves the gap for GRUB
GRUB_PACKAGES = ("grub-common", "grub-pc-bin", "libdevmapper1.02.1", "liblzma5")


def grub_core(debs: Path, modules: Sequence[str], config: Path | None, target: Path) -> None:
    """Write GRUB's core image with `modules`, from unpacked GRUB_PACKAGES in `debs`.

    `config` is a script that the core runs itself; without one it reads /boot/grub/grub.cfg.
    """
    library = debs / "usr/lib/x86_64-linux-gnu"
    paths = f"{library}:{debs / 'lib/x86_64-linux-gnu'}"
    # An empty drive in the prefix means the disk that the BIOS booted from.
    command: list[str | Path] = [debs / "usr/bin/grub-mkimage", "-O", "i386-pc"]
    command += ["-d", debs / "usr/lib/grub/i386-pc", "-p", "(,msdos1)/boot/grub", "-o", target]
    if config is not None:
        command += ["-c", config]
    run(*command, *modules, env={**os.environ, "LD_LIBRARY_PATH": paths})


def compose(
    root: Path,
    debs: Path,
    core: Path,
    label: str,
    size_mb: int,
    target: Path,
    identity: str = "random",
) -> None:
    """Write the raw disk `target` of `size_mb` MiB with the files below `root` as its system.

    `identity` is the file system's UUID.
    """
    size = size_mb * 1024 * 1024
    sectors = size // SECTOR - START
    with target.open("wb") as disk:
        disk.truncate(size)
    run(
        *("mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-U", identity, "-d", root),
        *("-E", f"offset={START * SECTOR},root_owner=0:0,lazy_itable_init=1"),
        *(target, f"{sectors // 2}k"),
    )
    boot = (debs / "usr/lib/grub/i386-pc/boot.img").read_bytes()[:440]
    image = core.read_bytes()
    if len(image) > (START - 1) * SECTOR:
        raise ValueError(f"GRUB's core of {len(image)} bytes does not fit before the partition")
    # Old cylinder numbers are filled with the value that means "look at the sector numbers".
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", START, sectors)
    signature = int.from_bytes(label.encode()[:4].ljust(4, b"\0"), "little")
    with target.open("r+b") as disk:
        disk.write(boot + struct.pack("<IH", signature, 0) + entry + bytes(48) + b"\x55\xaa")
        disk.write(image)


def to_qcow2(raw: Path, target: Path) -> None:
    """Convert a raw disk to qcow2, empty blocks left out."""
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, target)
