"""The image that a server boots from, and whether it fits the flavor."""

from collections.abc import Mapping
from typing import Any

from .. import image as images
from ..core.errors import BadRequest, NotFound
from ..core.types import is_uuid
from ..wire.context import Context
from . import image_property

_GIB = 1 << 30


def named(ctx: Context, ref: str) -> images.Image:
    """The image of this id, if the caller may boot from it. Raises BadRequest."""
    if not is_uuid(ref):
        raise BadRequest("Invalid imageRef provided.")
    try:
        found = images.bootable(ctx.tx, ctx.who, ref)
    except NotFound as missing:
        raise BadRequest(missing.message) from None
    image_property.check(properties(found))
    return found


def properties(image: images.Image) -> dict[str, str]:
    """What a server keeps of its image's properties."""
    return {key: str(value) for key, value in image.properties.items()}


def root_gb(flavor: Mapping[str, Any], image: images.Image) -> int:
    """The root disk's size where the flavor leaves it to the image. Raises BadRequest."""
    check_ram(flavor, image.min_ram)
    needed = max(image.min_disk or 0, -(-(image.virtual_size or image.size or 0) // _GIB), 1)
    if flavor["disk"] == 0:
        return needed
    if flavor["disk"] < needed:
        raise BadRequest(
            f"Flavor's disk is too small for requested image: the image needs {needed} GB,"
            f" the flavor {flavor['name']} has {flavor['disk']} GB."
        )
    return int(flavor["disk"])


def check_ram(flavor: Mapping[str, Any], min_ram: int | None) -> None:
    """Raises BadRequest when the flavor has less memory than the image needs."""
    if min_ram and flavor["ram"] < min_ram:
        raise BadRequest(
            f"Flavor's memory is too small for requested image: the image needs {min_ram} MB,"
            f" the flavor {flavor['name']} has {flavor['ram']} MB."
        )
