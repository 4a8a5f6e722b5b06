"""An image's bytes as a file on this machine, fetched from its store where that is elsewhere."""

import hashlib
import logging
from pathlib import Path

from ..core.backend import Broken, Refused
from ..core.db import Database
from ..core.loop import Loop
from ..core.parts import Parts
from .formats import Unsafe
from .inspector import Inspector
from .places import Stores
from .rows import Image
from .settings import FILE

log = logging.getLogger(__name__)
_PERIOD = 5.0


def near(parts: Parts, image_id: str) -> Path | None:
    """The file with an image's bytes; None for an image that is gone or has none.

    What comes from another store is looked at as it comes: it must be what the image's row says.
    Raises Refused when it is not, Broken when no store gives it.
    """
    image = parts[Database].read(lambda tx: tx.get(Image, image_id))
    if image is None or not image.places:
        return None
    stores = parts[Stores]
    if FILE in image.stores:
        path = stores.files.path(image_id)
        return path if path.exists() else None
    if stores.cache.path(image_id).exists():
        return stores.cache.path(image_id)
    _fetch(stores, image)
    stores.cache.prune()
    return stores.cache.path(image_id)


def _fetch(stores: Stores, image: Image) -> None:
    disk = image.container_format in ("bare", "ami", "ari", "aki")
    inspector = Inspector(image.disk_format or "raw", stores.settings.vmdk_allowed_types)
    digest = hashlib.new(image.os_hash_algo or "sha512", usedforsecurity=False)
    last = stores.settings.image_size_cap if image.size is None else image.size - 1
    with stores.cache.filling(image.id) as new:
        if new is None:
            return
        try:
            with new.open("wb") as file:
                for piece in stores.read(image, 0, last):
                    if disk:
                        inspector.feed(piece)
                    digest.update(piece)
                    file.write(piece)
            if disk:
                inspector.finish()
        except Unsafe as wrong:
            raise Refused(f"Image {image.id} cannot be used: {wrong}") from None
        except FileNotFoundError:
            raise Refused(f"The bytes of image {image.id} are gone.") from None
        except OSError as problem:
            raise Broken(f"Image {image.id} cannot be brought here: {problem}") from problem
        if image.os_hash_value and digest.hexdigest() != image.os_hash_value:
            raise Refused(f"The bytes of image {image.id} are not those that were stored.")


def cache(parts: Parts) -> None:
    """Bring what is asked for into the cache."""
    stores = parts[Stores]
    for image_id in stores.cache.queued():
        try:
            path = near(parts, image_id)
            if path is not None and path != stores.cache.path(image_id):
                stores.cache.link(image_id, path)
        except (Refused, FileNotFoundError) as wrong:
            log.warning("image %s is not cached: %s", image_id, wrong)
        except Broken as wrong:
            log.warning("image %s is not cached yet: %s", image_id, wrong)
            continue
        stores.cache.asked_no_more(image_id)


def cache_loop(parts: Parts) -> Loop:
    """The loop that fills the cache; PUT /v2/cache nudges it."""
    loop = Loop("image.cache", _PERIOD, lambda: cache(parts))
    parts[Database].listen("image.cache", lambda _key: loop.nudge())
    return loop
