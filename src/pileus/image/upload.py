"""Bytes coming in: streamed to a file, inspected and hashed on the way, then made the image's."""

import errno
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..core.db import Database, Tx
from ..core.errors import BadRequest, Conflict, Fault, TooLarge, UnsupportedMediaType
from ..core.parts import Parts
from ..wire.context import Context, Response
from . import seen
from .formats import Unsafe
from .inspector import Inspector
from .rows import Image
from .store import ImageStore

_DRAIN = 256 << 20  # bytes still read of a refused upload, so that the client hears the answer


@dataclass(frozen=True)
class Received:
    """What the bytes were found to be."""

    size: int
    virtual_size: int | None
    checksum: str
    os_hash_value: str
    os_hash_algo: str = "sha512"

    @property
    def values(self) -> dict[str, Any]:
        """The image's attributes that follow from its bytes."""
        return asdict(self)


def put_file(ctx: Context) -> Response:
    """PUT /v2/images/{id}/file: queued → saving → active."""
    _receive(ctx, "saving")
    return Response(204)


def put_stage(ctx: Context) -> Response:
    """PUT /v2/images/{id}/stage: queued → uploading, to be imported later."""
    _receive(ctx, "uploading")
    return Response(204)


def _receive(ctx: Context, status: str) -> None:
    media = ctx.request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/octet-stream":
        raise UnsupportedMediaType("An image's bytes come as application/octet-stream.")
    upload = ctx.db.ids.uuid()
    image_id = ctx.params["image_id"]
    image = ctx.db.run(lambda tx: _may_begin(ctx, tx))
    pieces = ctx.request.chunks()
    try:
        store(ctx.parts, image, upload, status, pieces)
    except Unsafe as wrong:
        _drain(pieces)
        raise UnsupportedMediaType(str(wrong)) from None
    except FileExistsError:
        raise Conflict(f"Image {image_id} is being uploaded already.") from None
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _drain(pieces)
        raise TooLarge("There is not enough room in the image store.") from None


def _may_begin(ctx: Context, tx: Tx) -> Image:
    image = seen.asked(ctx, tx, "upload_image")
    _startable(image)
    return image


def _startable(image: Image) -> None:
    if image.status != "queued":
        raise Conflict(
            f"Image {image.id} is {image.status}; bytes can only be sent to one that is queued."
        )
    if image.disk_format is None or image.container_format is None:
        raise BadRequest("disk_format and container_format must be set before bytes are sent.")


def _drain(pieces: Iterator[bytes]) -> None:
    left = _DRAIN
    try:
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                return
    except Fault:
        return


def store(
    parts: Parts, image: Image, upload: str, status: str, pieces: Iterable[bytes]
) -> Received:
    """Take an image's bytes. On any failure it is queued again and no byte is left.

    status: "saving" makes the image active at the end, "uploading" leaves the bytes staged.
    Raises Unsafe, Conflict, OSError, and whatever `pieces` raises.
    """
    db, files = parts[Database], parts[ImageStore]
    # The locked file is there before the row says so: see `mend`, which undoes dead uploads.
    partial = files.begin(image.id, upload)
    try:
        db.run(lambda tx: _begin(tx, image.id, upload, status))
        received = _take(image, partial.write, pieces)
        partial.sync()
        with files.locked():
            if status == "saving":
                db.read(lambda tx: _owned(tx, image.id, upload))
                files.finish(image.id, upload)
            db.run(lambda tx: _end(tx, image.id, upload, status, received))
    except BaseException:
        with files.locked():
            files.drop(
                image.id, upload
            )  # first: its bytes may be what the database has no room for
            db.run(lambda tx: _undo(tx, image.id, upload))
            discard(parts, image.id)
        raise
    finally:
        partial.close()
    return received


def _take(image: Image, write: Any, pieces: Iterable[bytes]) -> Received:
    # Archives and compressed files are not disks; nothing here ever boots from one.
    disk = image.container_format in ("bare", "ami", "ari", "aki")
    inspector = Inspector((image.disk_format or "raw") if disk else "any")
    md5, sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()
    for piece in pieces:
        if disk:
            inspector.feed(piece)
        else:
            inspector.kept.size += len(piece)
        md5.update(piece)
        sha512.update(piece)
        write(piece)
    virtual = inspector.finish() if disk else None
    return Received(inspector.kept.size, virtual, md5.hexdigest(), sha512.hexdigest())


def _begin(tx: Tx, image_id: str, upload: str, status: str) -> None:
    image = tx.get(Image, image_id)
    if image is None:
        raise seen.absent(image_id)
    _startable(image)
    tx.change(image, status=status, upload=upload, updated_at=tx.now)


def _owned(tx: Tx, image_id: str, upload: str) -> Image:
    image = tx.get(Image, image_id)
    if image is None or image.upload != upload:
        raise Conflict(f"Image {image_id} was deleted while its bytes were on their way.")
    return image


def _end(tx: Tx, image_id: str, upload: str, status: str, received: Received) -> None:
    image = _owned(tx, image_id, upload)
    if status == "saving":
        tx.change(image, status="active", upload="", updated_at=tx.now, **received.values)
    else:
        tx.change(image, staged=received.values, updated_at=tx.now)


def _undo(tx: Tx, image_id: str, upload: str) -> None:
    image = tx.get(Image, image_id)
    if image is not None and image.upload == upload:
        tx.change(image, status="queued", upload="", staged=None, updated_at=tx.now)


def promote(parts: Parts, image_id: str) -> None:
    """Make staged bytes the image's. A second call, after a crash, finishes the first."""
    db, files = parts[Database], parts[ImageStore]

    def end(tx: Tx) -> None:
        image = tx.get(Image, image_id)
        if image is None or image.staged is None:
            raise Conflict(f"Image {image_id} has nothing staged.")
        tx.change(image, status="active", upload="", updated_at=tx.now, **image.staged, staged=None)

    with files.locked():
        image = db.read(lambda tx: tx.get(Image, image_id))
        if image is None or image.staged is None:
            raise Conflict(f"Image {image_id} has nothing staged.")
        if files.partial_path(image_id, image.upload).exists():
            files.finish(image_id, image.upload)
        db.run(end)


def discard(parts: Parts, image_id: str) -> None:
    """Remove an image's file unless its row says that it has one. For after a delete."""
    files = parts[ImageStore]
    with files.locked():
        image = parts[Database].read(lambda tx: tx.get(Image, image_id))
        if image is None or not may_have_file(image):
            files.remove(image_id)


def may_have_file(image: Image) -> bool:
    """Whether a finished file may lie there: for good, or from an import that is to be finished."""
    return image.status in ("active", "deactivated") or image.staged is not None
