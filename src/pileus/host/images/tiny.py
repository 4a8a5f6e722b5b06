"""The tiny image: Debian's cloud kernel, busybox and dropbear; it boots in seconds."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pileus.host.images import cpio, disk, modules, tiny_files
from pileus.host.images.cache import built
from pileus.host.images.debs import newest_dependency, unpack

NAME = "pileus-tiny"
SIZE_MB = 64
PACKAGES = (
    *("busybox-static", "dropbear-bin", "libc6", "libcrypt1", "libgmp10", "libtomcrypt1"),
    *("libtommath1", "zlib1g", *disk.GRUB_PACKAGES),
)
LIBRARIES = (
    *("libc.so.6", "libcrypt.so.1", "libgmp.so.10", "libtomcrypt.so.1", "libtommath.so.1"),
    *("libz.so.1", "ld-linux-x86-64.so.2"),
)
BOOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_scsi", "ata_piix", "sd_mod")
SYSTEM_MODULES = (
    *BOOT_MODULES,
    *("virtio_net", "virtio_rng", "virtio_balloon", "virtio_console", "sr_mod", "isofs", "vfat"),
    *("nls_ascii", "nls_cp437", "nls_iso8859_1", "nls_utf8", "evdev", "button", "psmouse"),
    *("e1000", "8139cp", "ahci", "nvme", "af_packet"),
)
# The timer check panics in an emulated guest whose host is busy: ticks come late there.
COMMAND_LINE = "console=tty0 console=ttyS0,115200 loglevel=4 net.ifnames=0 panic=10 no_timer_check"
GRUB_SCRIPT = f"linux /boot/vmlinuz {COMMAND_LINE}\ninitrd /boot/initrd\nboot\n"
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "linux", "boot")


@dataclass(frozen=True)
class Tiny:
    """A built tiny image: the disk, and a kernel with a first root that only proves it booted."""

    disk: Path  # qcow2
    kernel: Path
    probe: Path  # an initramfs that prints PROBE_MARKER on ttyS0 and powers off


PROBE_MARKER = "pileus-probe-booted"


def build(cache: Path, say: Callable[[str], None] = lambda _: None) -> Tiny:
    """The tiny image in `cache`, built from the machine's apt sources when it is not there yet.

    Needs no root. `say` hears a line at each step. Raises BuildFailed.
    """

    def make(folder: Path) -> None:
        work = folder / "work"
        say("tiny image: fetching packages")
        kernel = newest_dependency("linux-image-cloud-amd64", r"linux-image-[0-9].*-cloud-amd64")
        debs = unpack([kernel, *PACKAGES], work)
        say("tiny image: putting the system together")
        release = kernel.removeprefix("linux-image-")
        tree = debs / "lib/modules" / release
        shutil.copy(debs / "boot" / f"vmlinuz-{release}", folder / "vmlinuz")
        root = work / "system"
        _system(debs, root)
        modules.copy(tree, SYSTEM_MODULES, root / "lib/modules" / release)
        first = work / "first"
        _first_root(debs, first, tiny_files.INITRAMFS_INIT)
        modules.copy(tree, BOOT_MODULES, first / "lib/modules" / release)
        cpio.archive(first, root / "boot/initrd")
        shutil.copy(folder / "vmlinuz", root / "boot/vmlinuz")
        probe = work / "probe"
        _first_root(debs, probe, tiny_files.PROBE_INIT)
        cpio.archive(probe, folder / "probe")
        say("tiny image: writing the disk")
        (work / "grub").write_text(GRUB_SCRIPT)
        disk.grub_core(debs, GRUB_MODULES, work / "grub", work / "core")
        disk.compose(root, debs, work / "core", NAME, SIZE_MB, work / "raw")
        disk.to_qcow2(work / "raw", folder / f"{NAME}.qcow2")
        shutil.rmtree(work)

    sources = (tiny_files, disk, modules, cpio)
    recipe = "\n".join(Path(str(source.__file__)).read_text() for source in sources)
    folder = built(cache, NAME, recipe + Path(__file__).read_text(), make)
    return Tiny(folder / f"{NAME}.qcow2", folder / "vmlinuz", folder / "probe")


def _busybox(debs: Path, root: Path) -> None:
    """Busybox with a link for each of its programs, all in /bin."""
    binary = debs / "bin/busybox"
    (root / "bin").mkdir(parents=True)
    shutil.copy(binary, root / "bin/busybox")
    listed = subprocess.run([binary, "--list"], check=True, capture_output=True, text=True)
    for program in set(listed.stdout.split()) - {"busybox"}:
        (root / "bin" / program).symlink_to("busybox")
    (root / "sbin").symlink_to("bin")


def _first_root(debs: Path, root: Path, init: str) -> None:
    _busybox(debs, root)
    for name in ("dev", "proc", "sys", "root"):
        (root / name).mkdir()
    (root / "init").write_text(init)
    (root / "init").chmod(0o755)


def _system(debs: Path, root: Path) -> None:
    _busybox(debs, root)
    for name in tiny_files.FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for link in ("bin", "sbin"):
        (root / "usr" / link).symlink_to("../bin")
    (root / "lib64").symlink_to("lib")
    found = {path.name: path for path in debs.rglob("*.so*")}
    for library in LIBRARIES:
        shutil.copy(found[library], root / "lib" / library)
    for program in ("sbin/dropbear", "bin/dropbearkey"):
        shutil.copy(debs / "usr" / program, root / "bin" / Path(program).name)
    for name, (mode, content) in tiny_files.FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
