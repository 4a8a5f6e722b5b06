"""A guest's disk files on their way to another host and from one.

What travels are the overlays as they stand: they are what the guest has written. The image under
one travels too where the other host cannot get it from the image store, as when it was deleted
there since; so a disk stays an overlay, and no image is sent that is at its goal already.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pileus.compute.driver import GuestSpec, ImageFiles, Landing
from pileus.core.backend import Broken, Refused

_DISK = re.compile(r"disk(\.[A-Za-z0-9_-]{1,32})?")
_BASE = re.compile(r"disk(\.[A-Za-z0-9_-]{1,32})?\.base-(?P<image>[A-Za-z0-9_-]{1,64})\.[a-z0-9]+")
_MADE = {"disk.config"}  # made anew by every host
# What a guest that runs must find as it was: it may have read half of it; and what it has written.
_READ = {"disk.config", "console.log"}
_PIECE = 1 << 20
_COMING, _CAME = "coming", "came-"


def leaving(folder: Path, live: bool = False) -> list[tuple[str, int]]:
    """Names and bytes of the files that hold the disks; of what the guest reads, for a live one."""
    return [
        (file.name, file.stat().st_size)
        for file in sorted(folder.iterdir() if folder.exists() else ())
        if (_fits(file.name) or (live and file.name in _READ)) and file.is_file()
    ]


@contextmanager
def read(file: Path) -> Iterator[Iterable[bytes]]:
    """The file's bytes. Raises Broken."""
    try:
        with file.open("rb") as source:
            yield iter(lambda: source.read(_PIECE), b"")
    except OSError as error:
        raise Broken(f"{file} cannot be read: {error}") from error


def arrived(folder: Path, move: str) -> bool:
    """Whether the disks of this move are in the folder."""
    came = folder / f"{_CAME}{_word(move)}"
    if not came.exists():
        return False
    _settle(folder, came)
    return True


def wants(images: ImageFiles, name: str, size: int) -> bool:
    """Whether the file must come from the other host."""
    found = _BASE.fullmatch(name)
    if found is None:
        return True
    try:
        path, _ = images.path(found["image"])
        return path.stat().st_size != size
    except (Refused, OSError):
        return True


def arrive(
    folder: Path,
    move: str,
    files: Iterable[tuple[str, Iterable[bytes]]],
    spec: GuestSpec,
    images: ImageFiles,
) -> None:
    """Write the files into the folder, all or none. Raises Refused, Broken."""
    coming, came = folder / _COMING, folder / f"{_CAME}{_word(move)}"
    shutil.rmtree(coming, ignore_errors=True)
    try:
        coming.mkdir(parents=True)
        for name, pieces in files:
            if not _fits(name):
                raise Refused(f"{name[:100]!r} is no disk's file.")
            _write(coming / name, pieces)
        _link_bases(coming, spec, images)
        coming.replace(came)
        _settle(folder, came)
    except OSError as error:
        raise Broken(f"Disks cannot be taken over in {folder}: {error}") from error
    finally:
        shutil.rmtree(coming, ignore_errors=True)


def prepare(folder: Path, landing: Landing, spec: GuestSpec, images: ImageFiles) -> None:
    """Put into the empty folder what a guest that runs is to find there, but for its disks.

    Raises Refused, Broken, and what fetching raises.
    """
    wanted = [
        name
        for name, size in landing.files
        if name in _READ or (_BASE.fullmatch(name) and wants(images, name, size))
    ]
    try:
        folder.mkdir(parents=True)
        for name, pieces in landing.fetch(wanted):
            _write(folder / name, pieces)
    except OSError as error:
        raise Broken(f"Guest {spec.id} cannot be taken over in {folder}: {error}") from error
    _link_bases(folder, spec, images, live=True)


def came(folder: Path, move: str) -> None:
    """Write down that a guest that runs has come whole by this move. Raises Broken."""
    try:
        (folder / f"{_CAME}{_word(move)}").mkdir(exist_ok=True)
        _sync(folder)
    except OSError as error:
        raise Broken(f"{folder} cannot be written: {error}") from error


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def _link_bases(folder: Path, spec: GuestSpec, images: ImageFiles, live: bool = False) -> None:
    """Put images that did not travel under the disks that stand on them. Raises Refused, Broken."""
    for disk in spec.disks:
        there = any(folder.glob(f"{disk.name}.base-*"))
        if disk.image is None or there or not (live or (folder / disk.name).exists()):
            continue
        source, form = images.path(disk.image)
        base = folder / f"{disk.name}.base-{_word(disk.image)}.{form}"
        try:
            try:
                os.link(source, base)
            except OSError:  # another file system
                new = base.with_name("base.new")
                shutil.copyfile(source, new)
                new.replace(base)
        except OSError as error:
            raise Broken(f"The image file {source} cannot be linked: {error}") from error


def _settle(folder: Path, came: Path) -> None:
    """What came takes its place; the empty folder stays, to say that it did."""
    for file in list(came.iterdir()):
        file.replace(folder / file.name)


def _fits(name: str) -> bool:
    if name in _MADE:
        return False
    return bool(_BASE.fullmatch(name)) or (bool(_DISK.fullmatch(name)) and name != "disk.copy")


def _word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise Refused(f"{text[:64]!r} cannot be part of a file's name.")
    return text
