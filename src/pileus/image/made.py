"""Images that the cloud makes itself: a row first, its bytes from a host later."""

from collections.abc import Iterable, Mapping

from ..core.db import Database, Tx
from ..core.errors import BadRequest
from ..core.parts import Parts
from . import removal
from .mend import mend_upload
from .rows import STORED, Image
from .upload import store

_ATTRIBUTES = {a.wire for a in Image.attrs.values()} | {"tags", "self", "file", "schema", "stores"}
_ATTRIBUTES |= {"direct_url"}


def reserve(
    tx: Tx, owner: str, name: str, properties: Mapping[str, str], min_disk: int, min_ram: int = 0
) -> Image:
    """A private, queued qcow2 image. Raises BadRequest for a property named like an attribute."""
    clash = sorted(_ATTRIBUTES & properties.keys())
    if clash:
        raise BadRequest(f"Image metadata cannot be named {clash[0]!r}: every image has one.")
    return tx.add(
        Image(
            name=name,
            owner=owner,
            visibility="private",
            disk_format="qcow2",
            container_format="bare",
            min_disk=min_disk,
            min_ram=min_ram,
            properties=dict(properties),
        )
    )


def wants(parts: Parts, image_id: str) -> bool | None:
    """Whether the image still waits for its bytes; None when it is gone."""
    image = parts[Database].read(lambda tx: tx.get(Image, image_id))
    return None if image is None else image.status not in STORED


def receive(parts: Parts, image_id: str, pieces: Iterable[bytes]) -> None:
    """Take the bytes of a reserved image and make it active.

    Bytes that a dead process had begun to bring are thrown away first. Raises Conflict when the
    image is deleted meanwhile or somebody else is bringing its bytes, Unsafe, OSError.
    """
    db = parts[Database]
    image = db.read(lambda tx: tx.get(Image, image_id))
    if image is not None and image.upload:
        mend_upload(parts, image)
    if image is None:
        image = Image(id=image_id)
    store(parts, image, db.ids.uuid(), "saving", pieces)


def forget(tx: Tx, image_id: str) -> None:
    """Delete the row of an image that has no bytes; one that has, or is gone, stays as it is."""
    image = tx.get(Image, image_id)
    if image is not None and image.status not in STORED:
        removal.forget(tx, image)


def destroy(parts: Parts, image_id: str) -> None:
    """Delete an image with its bytes; one that is gone is no error. A protected one stays."""

    def rows(tx: Tx) -> Image | None:
        image = tx.get(Image, image_id)
        if image is None or image.protected:
            return None
        removal.forget(tx, image)
        return image

    image = parts[Database].run(rows)
    if image is not None:
        removal.sweep(parts, image)


def owned(tx: Tx, owner: str, properties: Mapping[str, str]) -> list[Image]:
    """A project's images with all of these properties, the newest first."""
    rows = tx.all(Image, owner=owner, order=[Image.created_at.desc(), Image.id])
    return [row for row in rows if properties.items() <= row.properties.items()]


def unfinished(tx: Tx, properties: Mapping[str, str]) -> list[Image]:
    """The images with all of these properties that have no bytes yet."""
    rows = tx.all(Image, Image.status.not_in(STORED))
    return [row for row in rows if properties.items() <= row.properties.items()]
