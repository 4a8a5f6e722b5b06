"""A guest's disks: qcow2 overlays over image files, in a folder of the guest's own.

The image is a hard link in that folder, so it stays while a guest needs it, whatever becomes of the
image, and is gone with the last. Images on another file system are copied once to `_base`.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pileus.compute.driver import Disk, ImageFiles
from pileus.compute.drivers.imagefile import disk_size, virtual_size
from pileus.core.backend import Broken, Refused
from pileus.host.command import run
from pileus.host.place import HostError

_GUEST = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SWAP = "disk.swap"
RESCUE = "disk.rescue"
_REMOVABLE = {"disk.eph0", _SWAP, RESCUE}  # what a guest has for a while
_ASIDE = "aside-"
_HOURS = 12 * 3600.0  # a large disk takes its time to copy
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


@dataclass(frozen=True)
class Overlay:
    """A disk's file, and the image file under it with its format."""

    disk: Disk
    path: Path
    base: Path | None
    base_format: str = ""


class Overlays:
    """The disks of all guests under `root`, one folder a guest."""

    def __init__(self, root: Path, images: ImageFiles) -> None:
        self._root = root
        self.images = images
        self._shared = root / "_base"
        self._lock = Lock()  # over _base: a copy is made or dropped by one thread at a time

    def folder(self, guest_id: str) -> Path:
        """Where the guest's files are."""
        return self._root / guest_id

    def folders(self) -> dict[str, Path]:
        """Every guest's folder that is there."""
        if not self._root.exists():
            return {}
        return {path.name: path for path in self._root.iterdir() if _GUEST.fullmatch(path.name)}

    def found(self, guest_id: str, disk: Disk) -> Overlay | None:
        """The disk as it is on this host; None when it is missing or holds another image."""
        folder = self.folder(guest_id)
        if not (folder / _safe(disk.name)).exists():
            return None
        if disk.name == _SWAP and _size(folder / disk.name) > disk.size_gb << 30:
            return None  # what is swapped out is worth nothing: it is made anew
        base = next(folder.glob(f"{disk.name}.base-*"), None)
        if (base is None) != (disk.image is None):
            return None
        if base is None:
            return Overlay(disk, folder / disk.name, None)
        image, _, form = base.name.removeprefix(f"{disk.name}.base-").rpartition(".")
        return Overlay(disk, folder / disk.name, base, form) if image == disk.image else None

    def make(self, guest_id: str, disk: Disk) -> Overlay:
        """Make the disk anew; what it held is lost. Raises Refused and Broken."""
        folder = self.folder(guest_id)
        path = folder / _safe(disk.name)
        source, form, size = self.source(disk)
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        for old in folder.glob(f"{disk.name}.base-*"):
            old.unlink()
        new = folder / f"{disk.name}.new"
        words = ["qemu-img", "create", "-q", "-f", "qcow2"]
        base = None
        if source is not None:
            base = folder / f"{disk.name}.base-{disk.image}.{form}"
            self._link(source, base)
            words += ["-F", form, "-b", base.name]
        _run(*words, str(new), str(size))
        new.replace(path)  # a disk is there whole or not at all
        return Overlay(disk, path, base, form)

    def over(self, guest_id: str, disk: Disk) -> Overlay:
        """Make the disk anew on the image file that is in the guest's folder. Raises Refused."""
        folder = self.folder(guest_id)
        path, size = folder / _safe(disk.name), disk.size_gb << 30
        words = ["qemu-img", "create", "-q", "-f", "qcow2"]
        base, form = next(folder.glob(f"{disk.name}.base-*"), None), ""
        if base is not None:
            form = base.suffix[1:]
            size = disk_size(disk.name, virtual_size(base, form), disk.size_gb)
            words += ["-F", form, "-b", base.name]
        if not size:
            raise Refused(f"The disk {disk.name} has neither a size nor an image.")
        _run(*words, str(path), str(size))
        return Overlay(disk, path, base, form)

    def source(self, disk: Disk) -> tuple[Path | None, str, int]:
        """The image file under a disk that is to be made, its format, and the disk's bytes.

        Raises Refused when the disk cannot be made.
        """
        size = disk.size_gb << 30
        if disk.image is not None:
            source, form = self.images.path(_safe(disk.image))
            return source, form, disk_size(disk.image, virtual_size(source, form), disk.size_gb)
        if not size:
            raise Refused(f"The disk {disk.name} has neither a size nor an image.")
        return None, "", size

    def grow(self, overlay: Overlay) -> None:
        """Enlarge the disk of a guest that is off. Raises Refused when it would shrink."""
        wanted, now = overlay.disk.size_gb << 30, _size(overlay.path)
        if not wanted or wanted == now:
            return
        if wanted < now:
            raise Refused(
                f"The disk {overlay.disk.name} has {now / (1 << 30):.2f} GiB and cannot shrink to "
                f"{overlay.disk.size_gb} GiB."
            )
        _run("qemu-img", "resize", "-q", "-f", "qcow2", str(overlay.path), str(wanted))

    def is_aside(self, guest_id: str, name: str) -> bool:
        """Whether disks are set aside under this name."""
        return bool(name) and (self.folder(guest_id) / f"{_ASIDE}{_safe(name)}").exists()

    def set_aside(self, guest_id: str, name: str, disks: Iterable[str]) -> None:
        """Copy the disks of a guest that is off, so that they can be put back. All or nothing."""
        folder = self.folder(guest_id)
        done = folder / f"{_ASIDE}{_safe(name)}"
        new = folder / "aside.new"
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            for disk in disks:
                if (folder / _safe(disk)).exists():
                    # Holes stay holes, and a file system that can shares the blocks.
                    copying = ("cp", "--reflink=auto", "--sparse=always")
                    _run(*copying, str(folder / disk), str(new / disk))
                    _sync(new / disk)
            new.replace(done)
        except OSError as error:
            raise Broken(f"The disks in {folder} cannot be set aside: {error}") from error

    def put_back(self, guest_id: str, name: str) -> None:
        """Put disks that were set aside in place of the present ones, of a guest that is off."""
        folder = self.folder(guest_id)
        aside = folder / f"{_ASIDE}{_safe(name)}"
        try:
            for disk in list(aside.iterdir()):
                disk.replace(folder / disk.name)
            aside.rmdir()
        except OSError as error:
            raise Broken(f"The disks in {aside} cannot be put back: {error}") from error

    def tidy(self, guest_id: str, disks: Iterable[str], kept: str) -> None:
        """Delete disks that are no longer the guest's, and all that is set aside but `kept`."""
        folder, wanted = self.folder(guest_id), set(disks)
        for aside in folder.glob(f"{_ASIDE}*"):
            if aside.name != f"{_ASIDE}{kept}":
                shutil.rmtree(aside, ignore_errors=True)
        for name in _REMOVABLE - wanted:
            (folder / name).unlink(missing_ok=True)
            for base in folder.glob(f"{name}.base-*"):
                base.unlink()

    def remove(self, guest_id: str) -> None:
        """Delete the guest's folder with all in it, and copies of images that nobody needs."""
        folder = self.folder(guest_id)
        try:
            if folder.exists():
                shutil.rmtree(folder)
            with self._lock:
                for copy in self._shared.glob("*"):
                    if copy.stat().st_nlink == 1:
                        copy.unlink()
        except OSError as error:
            raise Broken(f"The guest's folder {folder} cannot be deleted: {error}") from error

    def size_gb(self) -> int:
        """The size in GiB of the file system that the disks are on."""
        self._root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._root).total >> 30

    def _link(self, source: Path, base: Path) -> None:
        try:
            os.link(source, base)
        except PermissionError as error:
            raise Broken(f"The image file {source} cannot be linked: {error}") from error
        except OSError:  # another file system, or one without hard links between folders
            with self._lock:
                self._shared.mkdir(parents=True, exist_ok=True)
                copy = self._shared / f"{source.stat().st_size}-{base.name.partition('.base-')[2]}"
                if not copy.exists():
                    new = copy.with_name(f"{copy.name}.new")
                    shutil.copyfile(source, new)
                    new.replace(copy)
                os.link(copy, base)


def _size(path: Path) -> int:
    """The bytes that the guest sees, from the head of a qcow2 file of ours."""
    try:
        with path.open("rb") as file:
            return int.from_bytes(file.read(32)[24:])
    except OSError as error:
        raise Broken(f"The disk {path} cannot be read: {error}") from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _safe(name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise Refused(f"{name!r} cannot be a file's name: use letters, digits, '.', '_' and '-'.")
    return name


def _run(*words: str) -> str:
    try:
        return run(*words, timeout=_HOURS)
    except HostError as error:
        raise Broken(str(error)) from error
