"""What other services ask of images, and images that come from a file on this machine."""

from collections.abc import Collection, Mapping
from pathlib import Path

import sqlalchemy as sa

from ..core.db import Database, Tx
from ..core.errors import BadRequest
from ..core.parts import Parts
from ..core.policy import Credentials
from . import seen
from .rows import Image
from .store import ImageStore
from .upload import store

_PIECE = 1 << 20


def bootable(tx: Tx, who: Credentials, image_id: str) -> Image:
    """The image, if `who` sees it and a guest can boot from it.

    Raises NotFound for one that is unseen, BadRequest for one that is not active or not a disk.
    """
    image = seen.find(tx, who, "admin" in who.roles, image_id)
    if image.status != "active":
        raise BadRequest(f"Image {image.id} is not active: it is {image.status}.")
    if image.container_format not in ("bare", "ami"):
        raise BadRequest(f"Image {image.id} is a {image.container_format} file, not a disk.")
    return image


def exists(tx: Tx, image_id: str) -> bool:
    """Whether there is such an image with its bytes."""
    return tx.exists(Image, id=image_id, status=["active", "deactivated"])


def disk_format(tx: Tx, image_id: str) -> str | None:
    """The image's disk format; None when the image is gone."""
    image = tx.get(Image, image_id)
    return image.disk_format if image else None


def content(tx: Tx, image_id: str) -> tuple[str, str] | None:
    """The image's disk format and the SHA-512 of its bytes; None when the image is gone."""
    image = tx.get(Image, image_id)
    if image is None or image.disk_format is None:
        return None
    return image.disk_format, image.os_hash_value or ""


def names(tx: Tx, ids: Collection[str]) -> dict[str, str]:
    """Image names by id; images that are gone are left out."""
    if not ids:
        return {}
    rows = tx.execute(sa.select(Image.id, Image.name).where(Image.id.in_(ids)))
    return {row[0]: row[1] or "" for row in rows}


def add_local(
    parts: Parts,
    name: str,
    path: Path,
    disk_format: str,
    visibility: str = "public",
    image_id: str | None = None,
    properties: Mapping[str, str] | None = None,
    owner: str = "",
) -> Image:
    """An active image with the bytes of a file, inspected like any upload.

    One of this id that a crash left without bytes is filled. Raises Unsafe, OSError.
    """
    db = parts[Database]

    def row(tx: Tx) -> Image:
        found = tx.get(Image, image_id) if image_id else None
        if found is not None:
            if found.status != "active":
                tx.change(found, status="queued", upload="", staged=None, locations=None)
            return found
        made = Image(
            name=name,
            disk_format=disk_format,
            container_format="bare",
            visibility=visibility,
            owner=owner,
            properties=dict(properties or {}),
        )
        if image_id:
            made.id = image_id
        return tx.add(made)

    image = db.run(row)
    if image.status != "active":
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(_PIECE), b"")
            received = store(parts, image, db.ids.uuid(), "saving", pieces)
        image.__dict__.update(received.values, status="active")
    return image


def clear(parts: Parts) -> None:
    """Remove every stored file, partial ones too."""
    files = parts[ImageStore]
    with files.locked():
        for image_id in files.files():
            files.remove(image_id)
        for image_id, upload in files.partials():
            files.drop(image_id, upload)
