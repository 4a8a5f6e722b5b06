"""Compare the store with the rows: undo uploads whose process died, remove files of no image."""

from collections.abc import Iterable
from functools import partial

from ..core.audit import Invariant, Violation
from ..core.db import Database, Tx
from ..core.loop import Loop
from ..core.parts import Parts
from .rows import STORED, Image
from .store import ImageStore
from .upload import discard, promote

_PERIOD = 30.0


def loops(parts: Parts) -> list[Loop]:
    """The loop that keeps store and rows together; it also runs at once at every start."""
    return [Loop("image.store", _PERIOD, lambda: mend(parts))]


def mend(parts: Parts) -> None:
    """One round. What a living upload owns is left alone."""
    files, db = parts[ImageStore], parts[Database]
    for image in db.read(lambda tx: tx.all(Image, Image.upload != "")):
        mend_upload(parts, image)
    for image_id, upload in files.partials():
        if not files.living(image_id, upload):
            with files.locked():
                row = db.read(lambda tx, key=image_id: tx.get(Image, key))  # type: ignore[misc]
                if row is None or row.upload != upload:
                    files.drop(image_id, upload)
    for image_id in files.files():
        discard(parts, image_id)


def mend_upload(parts: Parts, image: Image) -> None:
    """Undo the upload of this image if the process that brought the bytes is dead."""
    files = parts[ImageStore]

    def undo(tx: Tx) -> None:
        row = tx.get(Image, image.id)
        if row is not None and row.upload == image.upload and row.staged is None:
            tx.change(row, status="queued", upload="", updated_at=tx.now)

    # The lock keeps an upload that is just ending from being taken for a dead one.
    with files.locked():
        if files.living(image.id, image.upload):
            return
        if image.staged is None:
            files.drop(image.id, image.upload)
            parts[Database].run(undo)
            return
        half = not files.partial_path(image.id, image.upload).exists()
    if half:
        promote(parts, image.id)


def _kept(parts: Parts, tx: Tx) -> Iterable[str | Violation]:
    """Every image has the bytes that its row says, or somebody who is bringing them."""
    files = parts[ImageStore]
    # Rows were read first: a file that comes later is no fault, one that goes is looked at again.
    rows = tx.all(Image)
    present, partial_files = files.files(), files.partials()
    for row in rows:
        if row.status in STORED:
            if row.id not in present:
                yield f"image {row.id} is {row.status}, but its file is gone; restore a backup"
            elif (size := _size(files, row.id)) not in (row.size, None):
                yield f"image {row.id} has {row.size} bytes, its file {size}; restore a backup"
        elif row.upload and (row.id, row.upload) not in partial_files and row.id not in present:
            yield Violation(
                f"image {row.id} is {row.status}, but nobody brings its bytes",
                "the upload is undone: the image is queued again",
                outside=partial(mend, parts),
            )


def _size(files: ImageStore, image_id: str) -> int | None:
    try:
        return files.path(image_id).stat().st_size
    except FileNotFoundError:
        return None


def _owned(parts: Parts, tx: Tx) -> Iterable[Violation]:
    """Every file in the store is an image's or a living upload's."""
    files = parts[ImageStore]
    present, partial_files = files.files(), files.partials()
    rows = {row.id: row for row in tx.all(Image)}
    mending = partial(mend, parts)
    for image_id in present:
        if image_id not in rows or rows[image_id].status == "queued":
            detail = f"the store has a file of image {image_id}, which has none"
            yield Violation(detail, "the file is removed", outside=mending)
    for image_id, upload in partial_files:
        found = rows.get(image_id)
        if (found is None or found.upload != upload) and not files.living(image_id, upload):
            detail = f"the store has a partial file {image_id}.{upload} that no upload owns"
            yield Violation(detail, "the file is removed", outside=mending)


INVARIANTS = (
    Invariant("I14", "Every image has its bytes, or somebody who is bringing them.", _kept),
    Invariant("I6", "Every file in the image store is an image's or an upload's.", _owned),
)
