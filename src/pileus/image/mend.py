"""Compare the store with the rows: undo uploads whose process died, remove files of no image."""

from collections.abc import Iterable
from functools import partial

from ..core import flow
from ..core.audit import Invariant, Violation
from ..core.db import Database, Tx
from ..core.loop import Loop
from ..core.parts import Parts
from .near import cache_loop
from .places import Stores
from .removal import take_away
from .rows import STORED, Image, ImageTask
from .settings import FILE
from .store import ImageStore
from .upload import discard

_PERIOD = 30.0


def loops(parts: Parts) -> list[Loop]:
    """The loop that keeps store and rows together; it also runs at once at every start."""
    return [Loop("image.store", _PERIOD, lambda: mend(parts)), cache_loop(parts)]


def mend(parts: Parts) -> None:
    """One round. What a living upload or an import owns is left alone."""
    files, db = parts[ImageStore], parts[Database]
    parts[Stores].cache.clean()
    db.run(_forget_tasks)
    for image in db.read(lambda tx: tx.all(Image, Image.upload != "")):
        mend_upload(parts, image)
    for image_id, upload in files.partials():
        if not files.living(image_id, upload):
            with files.locked():
                row = db.read(lambda tx, key=image_id: tx.get(Image, key))  # type: ignore[misc]
                if row is None or (row.upload != upload and not _importing(parts, image_id)):
                    files.drop(image_id, upload)
    for image_id in files.files():
        discard(parts, image_id)


def mend_upload(parts: Parts, image: Image) -> None:
    """Undo the upload of this image if the process that brought the bytes is dead."""
    files = parts[ImageStore]

    def undo(tx: Tx) -> None:
        row = tx.get(Image, image.id)
        if row is not None and row.upload == image.upload and row.staged == image.staged:
            tx.change(row, status="queued", upload="", staged=None, updated_at=tx.now)

    # The lock keeps an upload that is just ending from being taken for a dead one.
    with files.locked():
        if files.living(image.id, image.upload) or _importing(parts, image.id):
            return
        if image.staged is None or not files.partial_path(image.id, image.upload).exists():
            files.drop(image.id, image.upload)
            parts[Database].run(undo)


def _importing(parts: Parts, image_id: str) -> bool:
    """Whether a flow brings the image's bytes, which then resumes by itself."""
    return parts[Database].read(lambda tx: flow.find(tx, image_id)) is not None


def _forget_tasks(tx: Tx) -> None:
    tx.remove_where(ImageTask, ImageTask.expires_at < tx.now)


def _kept(parts: Parts, tx: Tx) -> Iterable[str | Violation]:
    """Every image has the bytes that its row says, or somebody who is bringing them."""
    files, stores = parts[ImageStore], parts[Stores]
    # Rows were read first: a file that comes later is no fault, one that goes is looked at again.
    rows = tx.all(Image)
    there = _contents(stores)
    partial_files = files.partials()
    for row in rows:
        if row.status in STORED:
            for store_id in (p["store"] for p in row.places if "url" not in p):
                if store_id in there and row.id not in there[store_id]:
                    where = "its file" if store_id == FILE else f"its copy in store {store_id}"
                    yield f"image {row.id} is {row.status}, but {where} is gone; restore a backup"
            if FILE in row.stores and (size := _size(files, row.id)) not in (row.size, None):
                yield f"image {row.id} has {row.size} bytes, its file {size}; restore a backup"
        elif (
            row.upload
            and (row.id, row.upload) not in partial_files
            and flow.find(tx, row.id) is None
        ):
            yield Violation(
                f"image {row.id} is {row.status}, but nobody brings its bytes",
                "the upload is undone: the image is queued again",
                outside=partial(mend, parts),
            )


def _contents(stores: Stores) -> dict[str, set[str]]:
    """What each store has; raises Broken when one does not answer."""
    return {store_id: store.names() for store_id, store in stores.writable.items()}


def _size(files: ImageStore, image_id: str) -> int | None:
    try:
        return files.path(image_id).stat().st_size
    except FileNotFoundError:
        return None


def _owned(parts: Parts, tx: Tx) -> Iterable[Violation]:
    """Every file in the store is an image's or a living upload's."""
    files, stores = parts[ImageStore], parts[Stores]
    there = _contents(stores)
    partial_files = files.partials()
    rows = {row.id: row for row in tx.all(Image)}
    mending = partial(mend, parts)
    for image_id in there[FILE]:
        if image_id not in rows or rows[image_id].status == "queued":
            detail = f"the store has a file of image {image_id}, which has none"
            yield Violation(detail, "the file is removed", outside=mending)
    for store_id, names in there.items():
        for image_id in names if store_id != FILE else ():
            if not _expected(rows.get(image_id), store_id):
                yield Violation(
                    f"store {store_id} has bytes of image {image_id}, which has none there",
                    "they are removed",
                    outside=partial(_take_away, parts, image_id, store_id),
                )
    for image_id, upload in partial_files:
        found = rows.get(image_id)
        if (
            (found is None or found.upload != upload)
            and not files.living(image_id, upload)
            and flow.find(tx, image_id) is None
        ):
            detail = f"the store has a partial file {image_id}.{upload} that no upload owns"
            yield Violation(detail, "the file is removed", outside=mending)


def _expected(row: Image | None, store_id: str) -> bool:
    """Whether bytes of the image may lie there, for good or on their way."""
    if row is None:
        return False
    coming = row.status in ("saving", "importing") or (row.importing or {}).get("to")
    return bool(coming) or store_id in row.stores


def _take_away(parts: Parts, image_id: str, store_id: str) -> None:
    row = parts[Database].read(lambda tx: tx.get(Image, image_id))
    if not _expected(row, store_id):
        take_away(parts, image_id, store_id)


INVARIANTS = (
    Invariant("I14", "Every image has its bytes, or somebody who is bringing them.", _kept),
    Invariant("I6", "Every file in the image store is an image's or an upload's.", _owned),
)
