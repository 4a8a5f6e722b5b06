"""The invariants of the compute service."""

from collections.abc import Iterable

import sqlalchemy as sa

from .. import placement
from ..config import Config
from ..core.audit import Invariant
from ..core.db import Tx
from ..core.desired import Desired
from ..core.flow import FlowRow
from ..core.parts import Parts
from .driver import ComputeDriver
from .flows.create import GUEST
from .host import host_id
from .schedule import needs
from .server import Server, live


def _allocations(_parts: Parts, tx: Tx) -> Iterable[str]:
    held = placement.all_allocations(tx)
    for server in tx.all(Server, live()):
        found, wanted = held.pop(server.id, {}), {}
        if server.host:
            wanted = {host_id(server.host): needs(server.flavor, server.disks[0]["size_gb"])}
        if found != wanted:
            yield f"server {server.id} holds {found or 'nothing'} instead of {wanted or 'nothing'}"
    for consumer, found in held.items():
        yield f"consumer {consumer} is no server and holds {found}"


def _wishes(_parts: Parts, tx: Tx) -> Iterable[str]:
    alive = {server.id: server for server in tx.all(Server, live())}
    wanted = set()
    for row in tx.all(Desired, Desired.kind == GUEST):
        server = alive.get(row.id)
        if server is None:
            yield f"guest {row.id} is wanted on host {row.host} and there is no such server"
        elif row.spec is not None and server.host == row.host:
            wanted.add(row.id)
        elif not tx.exists(FlowRow, FlowRow.subject == row.id):
            yield f"guest {row.id} is wanted on host {row.host}, its server is on {server.host}"
    for server in alive.values():
        building = server.vm_state == "building" or server.task_state is not None
        if server.host and server.id not in wanted and not building:
            yield f"server {server.id} is on host {server.host}, which is not asked for a guest"


def _guests(parts: Parts, tx: Tx) -> Iterable[str]:
    """This process's host only: others are seen by their own."""
    driver, host = parts.find(ComputeDriver), parts[Config].host
    if driver is None:
        return
    real = {found.id: found for found in driver.observe()}
    for server in tx.all(Server, Server.host == host, live()):
        found = real.pop(server.id, None)
        if found is None and server.vm_state in ("active", "stopped", "paused"):
            yield f"server {server.id} is {server.status} and host {host} has no guest of it"
    known = tx.all(Desired, Desired.kind == GUEST, Desired.host == host)
    leaving = {row.id for row in known if row.spec is None}
    for guest in real.keys() - leaving:
        yield f"host {host} has a guest {guest} of no server: look at it, then remove it by hand"


def _sizes(_parts: Parts, tx: Tx) -> Iterable[str]:
    for server in tx.all(Server, live()):
        if (server.vcpus, server.memory_mb) != (server.flavor["vcpus"], server.flavor["ram"]):
            yield (
                f"server {server.id} counts {server.vcpus} cores and {server.memory_mb} MB, its"
                f" flavor has {server.flavor['vcpus']} and {server.flavor['ram']}"
            )


def _carried(_parts: Parts, tx: Tx) -> Iterable[str]:
    busy = sa.or_(Server.task_state.is_not(None), Server.vm_state == "building")
    flows = sa.select(FlowRow.subject)
    for server in tx.all(Server, live(), busy, Server.id.not_in(flows)):
        yield (
            f"server {server.id} is {server.vm_state}, {server.task_state}, and no flow carries"
            " that on"
        )


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("I2", "A server on a host holds its flavor there; nobody else does.", _allocations),
    Invariant("I5", "Every host is asked for the guests of its servers and no others.", _wishes),
    Invariant("I6", "Every host has the guests of its servers and no others.", _guests),
    Invariant("I7", "What quota counts is what servers are.", _sizes),
    Invariant("I9", "Every unfinished change of a server has a flow.", _carried),
)
