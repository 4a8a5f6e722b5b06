"""The invariants between rows and what really runs on hosts."""

from collections.abc import Iterable
from functools import partial

import sqlalchemy as sa

from .. import hosts
from ..config import Config
from ..core.audit import Invariant, Violation
from ..core.db import Tx
from ..core.desired import Desired
from ..core.flow import FlowRow
from ..core.parts import Parts
from . import repairs
from .driver import ComputeDriver, GuestFolders
from .flows.guest import GUEST
from .host import ComputeHost
from .migration import leaves_behind, open_ones
from .server import Server, live

_BY_HAND = "look at it, then remove it with: pileus audit --remove-guest"

_WITH_GUEST = ("active", "stopped", "paused", "suspended", "resized", "rescued")


def _guests(parts: Parts, tx: Tx) -> Iterable[str | Violation]:
    """This process's host by looking; those that have joined by what their agents say."""
    for far, stray in hosts.strays(tx, GUEST):
        yield (
            f"host {far} has a guest {stray}, or disks of it, of no server there: look at it, then"
            " remove it by hand"
        )
    driver, host = parts.find(ComputeDriver), parts[Config].host
    if driver is None:
        return
    c = Server.table.c
    mine = sa.select(c.id, c.vm_state, c.generation).where(Server.host == host, live())
    real = {found.id: found for found in driver.observe()}
    for server_id, vm_state, generation in tx.execute(mine):
        found = real.pop(server_id, None)
        if found is None and vm_state in _WITH_GUEST:
            yield Violation(
                f"server {server_id} is {vm_state} and host {host} has no guest of it",
                "the host is asked to look again",
                partial(repairs.look_again, server_id, host),
            )
        elif found is not None and found.generation > generation:
            yield (
                f"host {host} has generation {found.generation} of the guest of server"
                f" {server_id}, the database knows {generation}: was an old backup restored?"
            )
    for server_id in real.keys() - _leaving(tx, host):
        detail = f"host {host} has a guest {server_id} of no server there"
        server = tx.get(Server, server_id)
        if server is not None and server.deleted_at is not None:
            # Ids are never used again: nobody can still want it.
            does = "the guest is removed: its server was deleted"
            yield Violation(detail, does, outside=partial(driver.remove, server_id))
        else:
            yield f"{detail}: {_BY_HAND} {server_id}"


def _leaving(tx: Tx, host: str) -> set[str]:
    """Guests that the host is about to remove, or that a flow moves."""
    d = Desired.table.c
    asked = sa.select(d.id, d.spec).where(d.kind == GUEST, d.host == host)
    moving, moves = set(tx.execute(sa.select(FlowRow.subject)).scalars()), open_ones(tx)
    return moving | {
        guest
        for guest, spec in tx.execute(asked)
        if spec is None or leaves_behind(moves.get(guest), host, spec)
    }


def _once(_parts: Parts, tx: Tx) -> Iterable[str]:
    d = Desired.table.c
    several = sa.select(d.id).where(d.kind == GUEST).group_by(d.id).having(sa.func.count() > 1)
    running: dict[str, list[str]] = {}
    # What a fenced host last said of itself is not so any more.
    fenced = {host.host for host in tx.all(ComputeHost, forced_down=True)}
    for row in tx.all(Desired, Desired.kind == GUEST, Desired.id.in_(several)):
        if row.host not in fenced and (row.state or {}).get("power") == "running":
            running.setdefault(row.id, []).append(row.host)
    for guest, places in running.items():
        if len(places) > 1:
            yield (
                f"guest {guest} runs on {', '.join(sorted(places))} at once: stop all but one by"
                " hand before both write to its disks"
            )


def _folders(parts: Parts, tx: Tx) -> Iterable[str | Violation]:
    """This process's host only."""
    driver = parts.find(ComputeDriver)
    if driver is None or not isinstance(driver, GuestFolders):
        return
    here = driver.folders()
    guests = {found.id for found in driver.observe()}
    asked = set(tx.execute(sa.select(Desired.table.c.id).where(Desired.kind == GUEST)).scalars())
    for guest in sorted(set(here) - guests - asked):
        server = tx.get(Server, guest)
        detail = f"{here[guest]} holds the disks of no guest"
        if server is not None and server.deleted_at is not None:
            does = "the folder is removed: its server was deleted"
            yield Violation(detail, does, outside=partial(driver.remove, guest))
        elif server is None:
            yield f"{detail}, nor of any server: {_BY_HAND} {guest}"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant("I5", "No guest runs on two hosts.", _once),
    Invariant("I6", "Every host has the guests of its servers and no others.", _guests),
    Invariant("I6", "No disks of a guest that is not there.", _folders),
)
