"""Bytes coming in: streamed to a file, inspected and hashed on the way, then made the image's."""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ..core.backend import Broken
from ..core.db import Database, Tx
from ..core.errors import (
    BadRequest,
    Conflict,
    Fault,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from ..core.parts import Parts
from ..wire.context import Context, Response
from . import quota, seen, signature
from .digests import Digests
from .formats import Unsafe
from .inspector import Inspector
from .places import Stores
from .rows import Image
from .settings import FILE, Settings
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
    settings = ctx.parts[Settings]
    named = ctx.request.headers.get("x-image-meta-store")
    target = settings.store(named or settings.default_backend)
    if target is None or target.read_only:
        raise BadRequest(f"Invalid store: {(named or '')[:80]!r} is not one that takes images.")
    _receive(ctx, "saving", target.id)
    return Response(204)


def put_stage(ctx: Context) -> Response:
    """PUT /v2/images/{id}/stage: queued → uploading, to be imported later."""
    _receive(ctx, "uploading", FILE)
    return Response(204)


def _receive(ctx: Context, status: str, target: str) -> None:
    media = ctx.request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/octet-stream":
        raise UnsupportedMediaType("An image's bytes come as application/octet-stream.")
    upload = ctx.db.ids.uuid()
    image_id = ctx.params["image_id"]
    image = ctx.db.run(lambda tx: _may_begin(ctx, tx, status))
    pieces = ctx.request.chunks()
    try:
        store(ctx.parts, image, upload, status, pieces, target)
    except Unsafe as wrong:
        _drain(pieces)
        raise UnsupportedMediaType(str(wrong)) from None
    except TooLarge:
        _drain(pieces)
        raise
    except FileExistsError:
        raise Conflict(f"Image {image_id} is being uploaded already.") from None
    except Broken as problem:
        raise Unavailable(str(problem)) from None
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _drain(pieces)
        raise TooLarge("There is not enough room in the image store.") from None


def _may_begin(ctx: Context, tx: Tx, status: str) -> Image:
    image = seen.asked(ctx, tx, "upload_image")
    _startable(image)
    size = quota.STAGE if status == "uploading" else quota.SIZE
    quota.claim(tx, image.owner, ctx.parts, {size: 0, quota.UPLOADING: 1})
    signature.check_properties(image, ctx.parts[Settings])
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
    parts: Parts,
    image: Image,
    upload: str,
    status: str,
    pieces: Iterable[bytes],
    target: str = FILE,
    like: Mapping[str, Any] | None = None,
) -> Received:
    """Take an image's bytes. On any failure it is queued again and no byte is left.

    status: "saving" makes the image active at the end, "uploading" leaves the bytes staged, and so
    does "importing". target: the store that a saved image goes to.
    Raises Unsafe, Conflict, TooLarge, OSError, Broken, and whatever `pieces` raises.
    """
    db, files = parts[Database], parts[ImageStore]
    # The locked file is there before the row says so: see `mend`, which undoes dead uploads.
    partial = files.begin(image.id, upload)
    try:
        image = db.run(lambda tx: _begin(tx, image.id, upload, status))
        image.__dict__.update(like or {})
        received = take(parts, image, partial.write, pieces)
        partial.sync()
        if target != FILE and status == "saving":
            parts[Stores][target].put(image.id, partial.path)
        with files.locked():
            if status == "saving":
                db.read(lambda tx: _owned(tx, image.id, upload))
                if target == FILE:
                    files.finish(image.id, upload)
            db.run(lambda tx: _end(tx, image.id, upload, status, received, target))
            if target != FILE:
                files.drop(image.id, upload)
    except BaseException:
        with files.locked():
            files.drop(
                image.id, upload
            )  # first: its bytes may be what the database has no room for
            db.run(lambda tx: _undo(tx, image.id, upload, status))
            discard(parts, image.id)
        if target != FILE:
            with suppress(Broken):  # the audit finds what it keeps
                parts[Stores][target].remove(image.id)
        raise
    finally:
        partial.close()
    return received


def take(
    parts: Parts, image: Image, write: Callable[[bytes], None], pieces: Iterable[bytes]
) -> Received:
    """Write an image's bytes, and look at them on their way. Raises Unsafe, TooLarge."""
    settings = parts[Settings]
    # Archives and compressed files are not disks; nothing here ever boots from one.
    disk = image.container_format in ("bare", "ami", "ari", "aki")
    inspector = Inspector(image.disk_format or "raw", settings.vmdk_allowed_types)
    checked = signature.of(image, settings)
    size = 0
    with Digests("md5", "sha512") as digests:
        for piece in pieces:
            size += len(piece)
            if size > settings.image_size_cap:
                raise TooLarge(f"The image is larger than {settings.image_size_cap} bytes.")
            if disk:
                inspector.feed(piece)
            if checked is not None:
                checked.feed(piece)
            digests.feed(piece)
            write(piece)
        virtual = inspector.finish() if disk else None
        if checked is not None:
            checked.verify()
        return Received(size, virtual, *digests.values())


def _begin(tx: Tx, image_id: str, upload: str, status: str) -> Image:
    image = tx.get(Image, image_id)
    if image is None:
        raise seen.absent(image_id)
    if status != "importing":
        _startable(image)
    elif image.status != "importing":
        raise Conflict(f"Image {image_id} is {image.status}; nothing is imported into it.")
    tx.change(image, status=status, upload=upload, updated_at=tx.now)
    return image


def _owned(tx: Tx, image_id: str, upload: str) -> Image:
    image = tx.get(Image, image_id)
    if image is None or image.upload != upload:
        raise Conflict(f"Image {image_id} was deleted while its bytes were on their way.")
    return image


def _end(tx: Tx, image_id: str, upload: str, status: str, received: Received, target: str) -> None:
    image = _owned(tx, image_id, upload)
    if status != "saving":
        tx.change(image, staged=received.values, updated_at=tx.now)
        return
    places = [{"store": target}]
    values = received.values | {"status": "active", "upload": "", "locations": places}
    tx.change(image, updated_at=tx.now, **values)


def _undo(tx: Tx, image_id: str, upload: str, status: str) -> None:
    image = tx.get(Image, image_id)
    if image is not None and image.upload == upload:
        # Whether an import goes back to the queue, its flow says.
        back = "importing" if status == "importing" else "queued"
        tx.change(image, status=back, upload="", staged=None, updated_at=tx.now)


def discard(parts: Parts, image_id: str) -> None:
    """Remove an image's file unless its row says that it has one. For after a delete."""
    files = parts[ImageStore]
    with files.locked():
        image = parts[Database].read(lambda tx: tx.get(Image, image_id))
        if image is None or not may_have_file(image):
            files.remove(image_id)


def may_have_file(image: Image) -> bool:
    """Whether a finished file may lie there: for good, or from an import that is to be finished."""
    coming = image.importing is not None and FILE in image.importing["to"]
    return FILE in image.stores or coming
