"""The images that snapshots of a world's servers have left."""

from pileus import image as images
from pileus.core.ids import derived
from pileus.first_image import NAME
from pileus.image import Image

from .crash import World


def snapshots(world: World) -> list[Image]:
    first = derived("first image", world.config.seed, NAME)
    found = world.app.db.read(lambda tx: tx.all(Image, order=[Image.created_at]))
    return [image for image in found if image.id != first]


def forget(world: World) -> None:
    for image in snapshots(world):
        images.destroy(world.app.parts, image.id)
