"""`restore`: a backup put into an empty state directory, once all of it has been checked."""

import hashlib
import os
import shutil
import tarfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from .. import settings
from . import contents
from .databases import kind
from .manifest import FORMAT, NAME, BadBackup, Manifest, Member

_PIECE = 1 << 20


def restore(
    file: Path, state: Path, schemas: Collection[str], version: str, database: str = ""
) -> Manifest:
    """Put the backup into `state`, which must be empty or absent; return its manifest.

    database: the URL of the empty database to fill, where it is not that of the settings.

    schemas: the migrations that this version knows. Nothing is touched before the whole file has
    been read and found right, and `state` appears whole or not at all. Raises BadBackup, OSError.
    """
    if state.exists() and any(state.iterdir()):
        raise BadBackup(
            f"{state} is not empty: a backup is only put into an empty or a new directory."
        )
    manifest = check(file)
    if manifest.schema not in schemas:
        raise BadBackup(
            f"it was made by version {manifest.pileus} (schema {manifest.schema}), which is newer"
            f" than this version {version}: restore it with that one."
        )
    how = kind(manifest.database)
    new = state.with_name(f".{state.name}.restore")
    shutil.rmtree(new, ignore_errors=True)  # of a restore that was killed
    new.mkdir(parents=True, mode=0o700)
    try:
        _unpack(file, manifest, new)
        used = how.put(new / "copy", new, database or settings.load(new).database)
        settings.move(new, state, used)
        if state.exists():
            state.rmdir()
        new.rename(state)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return manifest


def check(file: Path) -> Manifest:
    """Read all of the file and compare it with its manifest. Raises BadBackup, OSError."""
    found: dict[str, Member] = {}
    data = b""
    try:
        with tarfile.open(file, "r:") as tar:
            for head in tar:
                member = tar.extractfile(head) if head.isreg() else None
                if member is None or not _safe(head.name):
                    raise BadBackup(f"{file} holds {head.name!r}, which no backup has.")
                if head.name == NAME:
                    data = member.read()
                    continue
                digest = hashlib.sha256()
                while piece := member.read(_PIECE):
                    digest.update(piece)
                found[head.name] = Member(head.size, digest.hexdigest())
    except (tarfile.TarError, EOFError) as wrong:
        raise BadBackup(f"{file} is damaged, or no backup: {wrong}") from None
    if not data:
        raise BadBackup(f"{file} is cut short, or no backup: it has no {NAME}.")
    manifest = Manifest.load(data)
    if manifest.format > FORMAT:
        raise BadBackup(f"{file} was made by a newer version ({manifest.pileus}).")
    names = {*found, *manifest.files}
    odd = sorted(name for name in names if found.get(name) != manifest.files.get(name))
    if odd:
        raise BadBackup(f"{file} is damaged: {', '.join(odd[:3])} is not as it was written.")
    return manifest


def _safe(name: str) -> bool:
    path = PurePosixPath(name)
    known = name == NAME or name.startswith((contents.STATE, contents.IMAGES, "database/"))
    return known and not path.is_absolute() and ".." not in path.parts


def _unpack(file: Path, manifest: Manifest, new: Path) -> None:
    member = kind(manifest.database).member
    (new / "images").mkdir(mode=0o755)
    with tarfile.open(file, "r:") as tar:
        for head in tar:
            source = tar.extractfile(head)
            if head.name == NAME or source is None:
                continue
            if head.name == member:
                path = new / "copy"
            elif head.name.startswith(contents.IMAGES):
                path = new / head.name
            else:
                path = new / head.name.removeprefix(contents.STATE)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            mode = 0o644 if head.name.startswith(contents.IMAGES) else 0o600
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "wb") as out:
                shutil.copyfileobj(source, out, _PIECE)
                os.fchmod(out.fileno(), mode)
                out.flush()
                os.fsync(out.fileno())
