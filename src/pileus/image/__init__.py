"""The image service: images, their bytes, and who may use them."""

from collections.abc import Iterable
from pathlib import Path

from ..core.db import Database, Tx
from ..core.flow import Flow
from ..core.parts import Parts
from ..core.policy import Policy
from . import protection
from .flows.importing import IMPORT
from .formats import Unsafe
from .local import add_local, bootable, clear, content, disk_format, exists, names
from .made import destroy, forget, owned, receive, reserve, unfinished, wants
from .mend import INVARIANTS, loops
from .metadef.load import BadDefinitions, first_types
from .metadef.load import load as load_definitions
from .metadef.load import read as read_definitions
from .near import near
from .places import Stores
from .rows import Image
from .samples import samples
from .service import SERVICE
from .settings import BadSettings, Settings
from .settings import read as read_settings
from .store import ImageStore
from .transfers import Transfers

FLOWS: tuple[Flow, ...] = (IMPORT,)


def furnish(parts: Parts, folder: Path, settings: Settings) -> None:
    """Add the parts that the service works with; images lie in `folder`. Raises BadSettings."""
    files = ImageStore(folder)
    parts.add(settings)
    parts.add(protection.read(settings, parts[Policy]))
    parts.add(files)
    parts.add(Stores(settings, files))
    parts.add(Transfers(parts[Database]))


def first_start(tx: Tx, parts: Parts) -> Iterable[str]:
    """The resource types of definitions; a fresh cloud's first image comes by `add_local`."""
    first_types(tx)
    return ()


__all__ = [
    "FLOWS",
    "INVARIANTS",
    "SERVICE",
    "BadDefinitions",
    "BadSettings",
    "Image",
    "ImageStore",
    "Settings",
    "Stores",
    "Transfers",
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
    "furnish",
    "load_definitions",
    "loops",
    "names",
    "near",
    "owned",
    "read_definitions",
    "read_settings",
    "receive",
    "reserve",
    "samples",
    "unfinished",
    "wants",
]
