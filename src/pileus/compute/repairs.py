"""What `pileus audit --repair` does to servers. Each first looks again whether it is still right.

A guest without a row is never destroyed here: it may be all that is left of a lost row.
"""

from typing import Any

from .. import network, placement
from ..core import desired
from ..core.db import Tx
from ..core.flow import FlowRow
from ..core.resource import Resource
from .flows.guest import GUEST
from .server import GUEST_POWER, Server
from .spec import guest_spec

Held = dict[str, dict[str, int]]


def _live(tx: Tx, server_id: str) -> Server | None:
    server = tx.get(Server, server_id)
    return None if server is None or server.deleted_at is not None else server


def hold(server_id: str, found: Held, wanted: Held, tx: Tx) -> None:
    """Let the server hold what it should. Raises NoCapacity where its host has no room."""
    server = _live(tx, server_id)
    if server is None or placement.allocations(tx, server_id) != found:
        return
    for provider in found.keys() - wanted.keys():
        placement.release(tx, server_id, provider)
    for provider, shares in wanted.items():
        placement.claim(tx, server_id, server.project_id, server.user_id, provider, shares)


def give_back(consumer: str, tx: Tx) -> None:
    """Release what a consumer holds that is no server and has no guest."""
    if _live(tx, consumer) is None and not tx.exists(desired.Desired, kind=GUEST, id=consumer):
        placement.release(tx, consumer)


def count_as(server_id: str, wanted: dict[str, Any], tx: Tx) -> None:
    """Count the server as its flavor says."""
    if (server := _live(tx, server_id)) is not None:
        tx.change(server, **wanted)


def drop_flow(subject: str, tx: Tx) -> None:
    """Drop the flow of a server that has no row."""
    if tx.get(Server, subject) is None:
        tx.remove_where(FlowRow, subject=subject)


def free_ports(server_id: str, tx: Tx) -> None:
    """Free the ports of a server that is gone."""
    if _live(tx, server_id) is None:
        network.release_ports(tx, server_id)


def bind(server_id: str, tx: Tx) -> None:
    """Bind the server's ports to its host."""
    server = _live(tx, server_id)
    if server is not None and server.host and not tx.exists(FlowRow, subject=server_id):
        network.bind_ports(tx, server_id, server.host)


def drop_rows(cls: type[Resource], server_id: str, tx: Tx) -> None:
    """Remove rows that describe a server without a row."""
    if tx.get(Server, server_id) is None:
        tx.remove_where(cls, server_id=server_id)


def withdraw(guest: str, host: str, tx: Tx) -> None:
    """Ask the host to remove the guest of a server whose row says that it was deleted."""
    server = tx.get(Server, guest)
    if server is not None and server.deleted_at is not None:
        desired.withdraw(tx, host, GUEST, guest)


def ask_for(server_id: str, tx: Tx) -> None:
    """Ask the server's host for its guest, in the power that the server has."""
    server = _live(tx, server_id)
    if server is None or not server.host or tx.exists(FlowRow, subject=server_id):
        return
    power = GUEST_POWER[server.vm_state]
    spec = guest_spec(tx, server) | {"power": power}
    desired.put(tx, server.host, GUEST, server_id, spec)


def look_again(server_id: str, host: str, tx: Tx) -> None:
    """Ask the host to look at the server's guest again."""
    desired.retry(tx, host, GUEST, server_id)
