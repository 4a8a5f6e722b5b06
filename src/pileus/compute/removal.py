"""Removing, by an operator's order, a guest on this host that no server owns."""

from ..core.db import Database, Tx
from ..core.desired import Desired
from ..core.errors import Conflict, NotFound
from ..core.parts import Parts
from .driver import ComputeDriver, GuestFolders
from .flows.guest import GUEST
from .server import Server


def remove_guest(parts: Parts, guest_id: str) -> None:
    """Destroy the guest with its disks. Raises NotFound, and Conflict where a server owns it."""
    driver = parts[ComputeDriver]
    here = {found.id for found in driver.observe()}
    if isinstance(driver, GuestFolders):
        here |= set(driver.folders())
    if guest_id not in here:
        raise NotFound(f"This host has no guest {guest_id[:80]}.")

    def owned(tx: Tx) -> bool:
        server = tx.get(Server, guest_id)
        alive = server is not None and server.deleted_at is None
        return alive or tx.exists(Desired, kind=GUEST, id=guest_id)

    if parts[Database].read(owned):
        raise Conflict(f"Guest {guest_id} belongs to a server: delete the server.")
    driver.remove(guest_id)
