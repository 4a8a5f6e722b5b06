"""An image goes: first its rows, in one transaction, then its bytes in every store."""

import logging

from ..core.backend import Broken
from ..core.db import Tx
from ..core.flow import FlowRow
from ..core.parts import Parts
from .places import Stores
from .rows import Image, ImageMember, ImageTag, ImageTask
from .settings import FILE
from .store import ImageStore
from .upload import discard

log = logging.getLogger(__name__)


def forget(tx: Tx, image: Image) -> None:
    """Delete the image's rows; an import that is under way ends."""
    tx.remove_where(FlowRow, subject=image.id)
    tx.set(
        ImageTask,
        ImageTask.image_id == image.id,
        ImageTask.status.in_(["pending", "processing"]),
        status="failure",
        message="The image was deleted.",
        updated_at=tx.now,
    )
    tx.remove_where(ImageTag, image_id=image.id)
    tx.remove_where(ImageMember, image_id=image.id)
    tx.remove(image)


def sweep(parts: Parts, image: Image) -> None:
    """Remove the bytes of an image whose rows are gone.

    What a store keeps because it does not answer, the audit finds and removes.
    """
    if image.upload:
        parts[ImageStore].drop(image.id, image.upload)
    discard(parts, image.id)
    stores = parts[Stores]
    stores.cache.remove(image.id)
    wanted = {*image.stores, *(image.importing or {}).get("to", ())} - {FILE}
    for store_id in sorted(wanted & stores.writable.keys()):
        take_away(parts, image.id, store_id)


def take_away(parts: Parts, image_id: str, store_id: str) -> None:
    """Remove an image's bytes from a store that its row does not name any more."""
    try:
        if store_id == FILE:
            discard(parts, image_id)
        else:
            parts[Stores][store_id].remove(image_id)
    except Broken as problem:
        log.warning("store %s keeps bytes of image %s: %s", store_id, image_id, problem)
