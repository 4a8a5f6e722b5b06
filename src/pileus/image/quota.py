"""What a project may have of images, under upstream's names, and what it has."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from .. import identity
from ..config import Config
from ..core import quota
from ..core.db import Tx
from ..core.errors import TooLarge
from ..core.parts import Parts
from .rows import Image
from .settings import Settings

_MIB = 1 << 20
SIZE, STAGE, COUNT, UPLOADING = (
    "image_size_total",
    "image_stage_total",
    "image_count_total",
    "image_count_uploading",
)
NAMES = (SIZE, STAGE, COUNT, UPLOADING)
_COMING = ("saving", "uploading", "importing")


def limits(tx: Tx, project_id: str, parts: Parts) -> dict[str, int]:
    """The project's limits as the identity service has them, else the settings'; -1 is none.

    Sizes are MiB.
    """
    config, settings = parts.find(Config), parts[Settings]
    known = identity.limits(tx, project_id, "image", config.region if config else None)
    return {name: known.get(name, getattr(settings, name)) for name in NAMES}


def usage(tx: Tx, project_id: str) -> dict[str, int]:
    """What the project has: sizes in MiB, begun ones whole; each store's copy counts."""
    found = dict.fromkeys(NAMES, 0)
    size = staged = 0
    for row in tx.execute(_owned(), {"owner": project_id}):
        found[COUNT] += 1
        found[UPLOADING] += row.status in _COMING
        if row.status in _COMING:
            staged += (row.staged or {}).get("size", 0)
        else:
            copies = 1 if row.locations is None else max(1, len(row.locations))
            size += (row.size or 0) * copies
    return found | {SIZE: -(-size // _MIB), STAGE: -(-staged // _MIB)}


@cache
def _owned() -> "sa.Select[Any]":
    c = Image.table.c
    return sa.select(c.status, c.size, c.staged, c.locations).where(
        c.owner == sa.bindparam("owner")
    )


def claim(tx: Tx, project_id: str, parts: Parts, wanted: Mapping[str, int]) -> None:
    """Raises TooLarge when one of these amounts on top of what is there goes over its limit.

    Nobody knows a size before the bytes are here: upstream wants 0 of sizes, so that what is one
    image too many is the last.
    """
    limit = limits(tx, project_id, parts)
    if all(limit[name] < 0 for name in wanted):
        return
    quota.guard(tx, project_id)
    used = usage(tx, project_id)
    for name, amount in wanted.items():
        if 0 <= limit[name] < used[name] + amount:
            raise TooLarge(
                f"Resource {name} is over its limit of {limit[name]}, for usage of {used[name]}."
            )
