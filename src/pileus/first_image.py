"""The image that a first start leaves: `pileus-tiny`."""

import tempfile
from pathlib import Path

from . import image
from .config import Config
from .core.db import Database
from .core.ids import derived
from .core.parts import Parts

NAME = "pileus-tiny"


def first_image(parts: Parts) -> None:
    """Add the tiny image where it is missing; in a simulated cloud, a blank disk of that name."""
    config, db = parts[Config], parts[Database]
    image_id = derived("first image", config.seed, NAME)
    if db.read(lambda tx: image.exists(tx, image_id)):
        return
    if config.simulate:
        with tempfile.TemporaryDirectory() as folder:
            blank = Path(folder) / "blank.raw"
            with blank.open("wb") as file:
                file.truncate(1 << 20)
            image.add_local(
                parts,
                NAME,
                blank,
                "raw",
                image_id=image_id,
                properties={"pileus_simulated": "true"},
            )
        return
    from .host.images import tiny
    from .host.images.cache import default_cache

    built = tiny.build(default_cache())
    image.add_local(parts, NAME, built.disk, "qcow2", image_id=image_id)
