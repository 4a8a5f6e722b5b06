"""What a project may have of the compute service, and what it has."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from .server import Server, live

DEFAULTS: Mapping[str, int] = {
    "instances": 10,
    "cores": 20,
    "ram": 51200,
    "metadata_items": 128,
    "injected_files": 5,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
    "key_pairs": 100,
    "server_groups": 10,
    "server_group_members": 10,
}


def usage(tx: Tx, project_id: str) -> dict[str, int]:
    """How many instances, cores and MB of memory a project has."""
    row: Sequence[Any] = tx.execute(_usage(), {"project": project_id}).one()
    return {"instances": int(row[0]), "cores": int(row[1]), "ram": int(row[2])}


@cache
def _usage() -> "sa.Select[int, int, int]":
    return sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(Server.vcpus), 0),
        sa.func.coalesce(sa.func.sum(Server.memory_mb), 0),
    ).where(Server.project_id == sa.bindparam("project"), live())
