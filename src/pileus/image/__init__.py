"""The image service: images, their bytes, and who may use them."""

from collections.abc import Iterable

from ..core.db import Tx
from ..core.flow import Flow
from ..core.parts import Parts
from .formats import Unsafe
from .local import add_local, bootable, clear, content, disk_format, exists, names
from .made import destroy, forget, owned, receive, reserve, unfinished, wants
from .mend import INVARIANTS, loops
from .rows import Image
from .samples import samples
from .service import SERVICE
from .store import ImageStore

FLOWS: tuple[Flow, ...] = ()


def first_start(tx: Tx, parts: Parts) -> Iterable[str]:
    """A fresh cloud has no rows here; its first image comes by `add_local`."""
    return ()


__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "Image",
    "ImageStore",
    "Unsafe",
    "add_local",
    "bootable",
    "clear",
    "content",
    "destroy",
    "disk_format",
    "exists",
    "first_start",
    "forget",
    "loops",
    "names",
    "owned",
    "receive",
    "reserve",
    "samples",
    "unfinished",
    "wants",
]
