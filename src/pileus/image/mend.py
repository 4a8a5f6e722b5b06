"""Compare the store with the rows: undo uploads whose process died, remove files of no image."""

from collections.abc import Iterable

from ..core.audit import Invariant
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
        _mend_upload(parts, image)
    for image_id, upload in files.partials():
        if not files.living(image_id, upload):
            with files.locked():
                row = db.read(lambda tx, key=image_id: tx.get(Image, key))  # type: ignore[misc]
                if row is None or row.upload != upload:
                    files.drop(image_id, upload)
    for image_id in files.files():
        discard(parts, image_id)


def _mend_upload(parts: Parts, image: Image) -> None:
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
            parts[Database].run(undo)
            files.drop(image.id, image.upload)
            return
        half = not files.partial_path(image.id, image.upload).exists()
    if half:
        promote(parts, image.id)


def check_files(parts: Parts, tx: Tx) -> Iterable[str]:
    """A sentence for every image without its file and every file without its image."""
    files = parts[ImageStore]
    present, partial = files.files(), files.partials()
    rows = {row.id: row for row in tx.all(Image)}
    for row in rows.values():
        if row.status in STORED:
            path = files.path(row.id)
            if row.id not in present:
                yield f"image {row.id} is {row.status}, but its file is gone"
            elif path.stat().st_size != row.size:
                yield f"image {row.id} has {row.size} bytes, its file {path.stat().st_size}"
        elif row.upload and (row.id, row.upload) not in partial and row.id not in present:
            yield f"image {row.id} is {row.status}, but nobody brings its bytes"
    for image_id in present:
        if image_id not in rows or rows[image_id].status == "queued":
            yield f"the store has a file of image {image_id}, which has none"
    for image_id, upload in partial:
        found = rows.get(image_id)
        if (found is None or found.upload != upload) and not files.living(image_id, upload):
            yield f"the store has a partial file {image_id}.{upload} that no upload owns"


INVARIANTS = (
    Invariant("IMG1", "Every active image has its file, and every file its image.", check_files),
)
