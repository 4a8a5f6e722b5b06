"""Ports on the joined hosts of a simulated cloud.

OVN tells a control plane which ports are up on other hosts. The simulated network knows only what
is in its own process; here it learns the rest from the reports of guests, whichever process took
them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache, partial
from queue import SimpleQueue
from typing import Any

import sqlalchemy as sa

from .core.db import Database, Tx, chunks
from .core.desired import Desired
from .core.loop import Loop
from .network.drivers.simulated import SimulatedNetwork

_PERIOD, _AGAIN = 1.0, 300.0
_KIND = "guest"
# Rows of transactions that began before the last look and were committed after it.
_OVERLAP = timedelta(seconds=10)
Seen = dict[str, dict[str, datetime]]  # guest → host → time of its report


class Fleet:
    """Plugs into the simulated network what other hosts say that they have plugged."""

    def __init__(self, db: Database, network: SimulatedNetwork, own: str) -> None:
        """own: the host of this process, which plugs for itself."""
        self._db, self._network, self._own = db, network, own
        self._since: datetime | None = None
        self._looked = self._timed = 0.0
        self._named: SimpleQueue[str] = SimpleQueue()  # hosts whose reports this process took
        self._seen: Seen = {}
        self._plugged: dict[str, dict[str, str]] = {}  # guest → port → host

    def loop(self) -> Loop:
        """The loop of every process; it is nudged by reports that this process took."""
        loop = Loop("simulated ports", _PERIOD, self.work)

        def reported(host: str) -> None:
            if host != self._own:
                self._named.put(host)
                loop.nudge()

        self._db.listen("reported", reported)
        return loop

    def work(self) -> None:
        """Look at the hosts that were named; each second at all, now and then at everything."""
        named = set[str]()
        while not self._named.empty():
            named.add(self._named.get())
        begun, passed = self._db.clock.now(), self._db.clock.monotonic()
        whole = self._since is None or passed - self._looked >= _AGAIN
        timed = whole or passed - self._timed >= _PERIOD
        if timed:
            since = None if whole else self._since
            reported = self._db.read(lambda tx: self._reported(tx, since))
        else:
            reported = self._db.read(lambda tx: self._of_hosts(tx, named))
        fresh = {
            guest for guest, seen in reported.items() if seen.items() - self._known(guest).items()
        }
        if whole:
            self._looked = passed
            for guest in self._seen.keys() - reported.keys():
                self._plug(guest, {})
            self._seen = {}
        for batch in chunks(sorted(fresh)):
            for guest, ports in self._db.read(partial(self._ports, guests=batch)).items():
                self._plug(guest, ports)
        for guest, seen in reported.items():
            self._seen[guest] = self._known(guest) | seen
        if timed:
            self._since, self._timed = begun - _OVERLAP, passed

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

    def _reported(self, tx: Tx, since: datetime | None) -> Seen:
        if since is None:
            return self._guests(tx.execute(_reports().where(Desired.kind == _KIND)))
        # By time alone, or SQLite would rather read every guest than use the index of times.
        return self._guests(tx.execute(_reports().where(Desired.reported_at > since)))

    def _of_hosts(self, tx: Tx, hosts: Iterable[str]) -> Seen:
        query = _reports().where(Desired.host.in_(sa.bindparam("hosts", expanding=True)))
        rows = (row for some in chunks(hosts) for row in tx.execute(query, {"hosts": some}))
        return self._guests(rows)

    def _guests(self, rows: Iterable[Any]) -> Seen:
        found: Seen = {}
        for kind, guest, host, at in rows:
            if kind == _KIND and host != self._own and at is not None:
                found.setdefault(guest, {})[host] = at
        return found

    def _ports(self, tx: Tx, guests: list[str]) -> dict[str, dict[str, str]]:
        row = Desired.table.c
        query = sa.select(row.id, row.host, row.spec, row.state).where(
            row.kind == _KIND, row.host != self._own, row.id.in_(guests)
        )
        found: dict[str, dict[str, str]] = {}
        rows = [one for one in tx.execute(query) if one.spec]
        # In a move both hosts may say so: the one that has it by the newer word has the ports.
        for guest, host, spec, state in sorted(rows, key=lambda one: one.spec["generation"]):
            if state and not state.get("error") and state.get("power") != "absent":
                # A host that the guest has left keeps its disks for a while, without interfaces.
                ports = found.setdefault(guest, {})
                ports.update({nic["port_id"]: host for nic in spec["nics"]})
        return found


@cache
def _reports() -> "sa.Select[str, str, str, datetime | None]":
    return sa.select(Desired.kind, Desired.id, Desired.host, Desired.reported_at)
