"""Ports on the joined hosts of a simulated cloud.

OVN tells a control plane which ports are up on other hosts. The simulated network knows only what
is in its own process; here it learns the rest from the reports of guests, whichever process took
them.
"""

from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from .core.db import Database, Tx, chunks
from .core.desired import Desired
from .core.loop import Loop
from .network.drivers.simulated import SimulatedNetwork

_PERIOD, _AGAIN = 1.0, 300.0
# Rows of transactions that began before the last look and were committed after it.
_OVERLAP = timedelta(seconds=10)


class Fleet:
    """Plugs into the simulated network what other hosts say that they have plugged."""

    def __init__(self, db: Database, network: SimulatedNetwork, own: str) -> None:
        """own: the host of this process, which plugs for itself."""
        self._db, self._network, self._own = db, network, own
        self._since: datetime | None = None
        self._looked = 0.0
        self._seen: dict[str, dict[str, datetime]] = {}  # guest → host → time of its report
        self._plugged: dict[str, dict[str, str]] = {}  # guest → port → host

    def loop(self) -> Loop:
        """The loop of every process; it is nudged by reports that this process took."""
        loop = Loop("simulated ports", _PERIOD, self.work)
        self._db.listen("reported", lambda host: loop.nudge() if host != self._own else None)
        return loop

    def work(self) -> None:
        """Look at what has been reported since the last look; now and then at everything."""
        begun, passed = self._db.clock.now(), self._db.clock.monotonic()
        whole = self._since is None or passed - self._looked >= _AGAIN
        if whole:
            self._since, self._looked = None, passed
        reported = self._db.read(self._reported)
        fresh = {
            guest for guest, seen in reported.items() if seen.items() - self._known(guest).items()
        }
        if whole:
            for guest in self._seen.keys() - reported.keys():
                self._plug(guest, {})
            self._seen = {}
        for batch in chunks(sorted(fresh)):
            for guest, ports in self._db.read(partial(self._ports, guests=batch)).items():
                self._plug(guest, ports)
        for guest, seen in reported.items():
            self._seen[guest] = self._known(guest) | seen
        self._since = begun - _OVERLAP

    def _known(self, guest: str) -> dict[str, datetime]:
        return self._seen.get(guest, {})

    def _plug(self, guest: str, ports: dict[str, str]) -> None:
        before = self._plugged.pop(guest, {})
        for port, host in before.items():
            if port not in ports:
                self._network.plugged(port, host, gone=True)
        for port, host in ports.items():
            if before.get(port) != host:
                self._network.plugged(port, host)
        if ports:
            self._plugged[guest] = ports

    def _reported(self, tx: Tx) -> dict[str, dict[str, datetime]]:
        row = Desired.table.c
        query = sa.select(row.id, row.host, row.reported_at).where(
            row.kind == "guest", row.host != self._own, row.reported_at.is_not(None)
        )
        if self._since is not None:
            query = query.where(row.reported_at > self._since)
        found: dict[str, dict[str, datetime]] = {}
        for guest, host, at in tx.execute(query):
            found.setdefault(guest, {})[host] = at
        return found

    def _ports(self, tx: Tx, guests: list[str]) -> dict[str, dict[str, str]]:
        row = Desired.table.c
        query = sa.select(row.id, row.host, row.spec, row.state).where(
            row.kind == "guest", row.host != self._own, row.id.in_(guests)
        )
        found: dict[str, dict[str, str]] = {}
        for guest, host, spec, state in tx.execute(query):
            if spec and state and not state.get("error") and state.get("power") != "absent":
                # A host that the guest has left keeps its disks for a while, without interfaces.
                ports = found.setdefault(guest, {})
                ports.update({nic["port_id"]: host for nic in spec["nics"]})
        return found
