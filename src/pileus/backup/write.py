"""`backup`: one consistent file, while the cloud runs."""

import fcntl
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from ..config import Config
from ..image import ImageStore
from . import contents
from .copy import Copy
from .databases import Kind, kind
from .manifest import NAME, BadBackup, Manifest, Member

_PIECE = 1 << 20


def backup(config: Config, target: Path, version: str, now: datetime, images: bool) -> Manifest:
    """Write the backup to `target`, which must not exist, and return its manifest.

    images: whether their bytes are in it. Raises BadBackup, FileExistsError, OSError; nothing is
    left at `target` then.
    """
    if target.exists():
        raise FileExistsError(17, "there is a file of this name already", str(target))
    if target.resolve().is_relative_to(config.state.resolve()):
        raise BadBackup(f"{target} is inside the state directory: choose another place.")
    how = kind(config.database_url)
    half = target.with_name(target.name + ".new")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, _hold(config.state) as hold:
            manifest = _write(config, how, file, hold, version, now, images)
            file.flush()
            os.fsync(file.fileno())
        half.rename(target)  # whole or not at all
    finally:
        half.unlink(missing_ok=True)
    return manifest


@contextmanager
def _hold(state: Path) -> Iterator[Path]:
    """A folder beside the images for what is being backed up; one backup at a time.

    What a backup that was killed left there goes first.
    """
    hold = state / "backup"
    hold.mkdir(exist_ok=True, mode=0o700)
    lock = os.open(hold, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadBackup("another backup of this cloud is under way: wait for it.") from None
        _empty(hold)
        yield hold
        _empty(hold)
    finally:
        os.close(lock)


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _write(
    config: Config,
    how: Kind,
    file: IO[bytes],
    hold: Path,
    version: str,
    now: datetime,
    images: bool,
) -> Manifest:
    copy = _snapshot(config, how, hold, images)
    manifest = Manifest(
        pileus=version,
        schema=copy.schema,
        database=how.name,
        made_at=now.isoformat(timespec="seconds") + "Z",
        images=images,
        counts=copy.counts,
    )
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in contents.secrets(config):
            manifest.files[name] = _add(tar, name, path)
        manifest.files[how.member] = _add(tar, how.member, hold / "database")
        for image in copy.images if images else ():
            held = hold / "images" / image
            if held.exists():
                name = contents.IMAGES + image
                manifest.files[name] = _add(tar, name, held)
        data = manifest.dump()
        tar.addfile(_head(NAME, len(data), now.timestamp()), io.BytesIO(data))
    return manifest


def _snapshot(config: Config, how: Kind, hold: Path, images: bool) -> Copy:
    """The database at one moment, and every image file of that moment by a second name.

    Files become images' and stop being so only under the store's lock; who deletes an image
    removes its first name, the bytes stay until they are copied.
    """
    store = ImageStore(config.shared / "images")
    with store.locked():
        if images:
            (hold / "images").mkdir()
            for image in store.files():
                os.link(store.path(image), hold / "images" / image)
        return how.copy(config.database_url, hold / "database")


class _Hashed:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _add(tar: tarfile.TarFile, name: str, path: Path) -> Member:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        hashed = _Hashed(file)
        tar.addfile(_head(name, found.st_size, found.st_mtime), hashed)
    return Member(found.st_size, hashed.digest.hexdigest())


def _head(name: str, size: int, time: float) -> tarfile.TarInfo:
    head = tarfile.TarInfo(name)
    head.size, head.mtime, head.mode = size, int(time), 0o600
    return head
