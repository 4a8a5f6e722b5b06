"""Which guest has which cells and processors of which host: rows beside the allocations.

A row counts as long as its server holds an allocation of its host: giving that back frees these
too, wherever it is done. What is left of a row is overwritten by the server's next claim there.
"""

from dataclasses import asdict
from typing import Any

import msgspec

from ... import placement
from ...core.db import Tx
from ...core.resource import Resource, attr
from ...core.types import Json, Uuid
from ..driver import GuestCell, HostCell
from ..host import ComputeHost
from .fit import fit
from .stored import load
from .wanted import Wanted


class Pinning(Resource):
    """A server's cells on a host's, each as GuestCell has it."""

    one, many = "pinning", "pinnings"

    server_id = attr(Uuid(), key=True)
    host_id = attr(Uuid(), key=True, index=True)
    cells = attr(Json())


def host_cells(host: ComputeHost) -> list[HostCell]:
    """The cells that a host has reported."""
    return load(host.cells or [])


def taken(tx: Tx, but: str, host_id: str = "") -> dict[str, list[GuestCell]]:
    """What guests have, by the host's id, of this host or of each; without one server's own."""
    where = [placement.holding(Pinning.server_id, Pinning.host_id), Pinning.server_id != but]
    if host_id:
        where.append(Pinning.host_id == host_id)
    found: dict[str, list[GuestCell]] = {}
    for row in tx.all(Pinning, *where):
        found.setdefault(row.host_id, []).extend(_read(row))
    return found


def pin(tx: Tx, server_id: str, host: ComputeHost, wanted: Wanted) -> bool:
    """Give the server its cells of the host; false where these have no room.

    To be called before the allocation is claimed: who claims of the same host at once writes the
    same inventories, and so one of them runs again and sees the other's.
    """
    others = taken(tx, server_id, host.id).get(host.id, [])
    placed = fit(wanted, host_cells(host), others)
    if placed is None:
        return False
    cells: list[dict[str, Any]] = msgspec.to_builtins([asdict(one) for one in placed])
    row = tx.get(Pinning, server_id, host.id)
    if row is None:
        tx.add(Pinning(server_id=server_id, host_id=host.id, cells=cells))
    else:
        tx.change(row, cells=cells)
    return True


def unpin(tx: Tx, server_id: str, host_id: str) -> None:
    """The server has no cells of the host any more, though it may hold something of it."""
    tx.remove_where(Pinning, server_id=server_id, host_id=host_id)


def pinned(tx: Tx, server_id: str, host_id: str) -> list[dict[str, Any]]:
    """A server's cells on a host, as its guest's specification has them."""
    row = tx.get(Pinning, server_id, host_id)
    return [] if row is None else list(row.cells)


def _read(row: Pinning) -> list[GuestCell]:
    return msgspec.convert(row.cells, list[GuestCell])
