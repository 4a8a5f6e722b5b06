"""The loop that tells the data plane what has changed, and believes what it says of ports."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import sqlalchemy as sa

from ..core import flow
from ..core.backend import Refused
from ..core.db import Database, Tx, chunks
from ..core.loop import Loop
from ..core.parts import Parts
from . import topology
from .driver import Change, Key, NetworkDriver, PortNews
from .rows import GATEWAY, INTERFACE, FloatingIp, Port, is_guest, of_guests
from .translate import translate

log = logging.getLogger(__name__)
_BATCH = 500
_PERIOD = 5.0  # seconds between looks when nothing nudges
_RESYNC = 300.0  # seconds between comparisons of everything
_RESYNC_TOLD = 2.0  # and at least this many when the data plane says that it has changed

Ports = Mapping[str, tuple[str, str, str]]  # id → host, status and server


class Translation:
    """One process's translator: what is marked goes to the driver, what is up comes back."""

    def __init__(self, db: Database, driver: NetworkDriver) -> None:
        self.db, self.driver = db, driver
        self._resynced: float | None = None
        self._changed = False
        self._up: Mapping[str, str] | None = None  # at the last look; None: look at every port
        self._moment = 0  # of the last look, where the driver tells which ports have changed
        self._refused: dict[Key, int] = {}

    def changed(self) -> None:
        """The data plane says that it has changed: compare soon, unless it is about ports only."""
        self._changed = not isinstance(self.driver, PortNews)

    def anew(self) -> None:
        """Another process may have told the data plane meanwhile: believe nothing of old."""
        self._resynced = self._up = None

    def work(self) -> None:
        """One round: compare everything if it is time, tell what is marked, note what is up."""
        now = self.db.clock.monotonic()
        age = _RESYNC if self._resynced is None else now - self._resynced
        if age >= (_RESYNC_TOLD if self._changed else _RESYNC):
            self._changed = False
            if age >= _RESYNC:
                self._up = None
            self.resync()
            self._resynced = now
        while self._round():
            pass

    def resync(self) -> None:
        """Mark whatever stands in the data plane at another revision than it should."""
        standing = self.driver.revisions()

        def compare(tx: Tx) -> None:
            known = topology.known(tx)
            wrong = [key for key, revision in known.items() if standing.get(key) != revision]
            wrong += [key for key in standing if key not in known]
            topology.again(tx, wrong)

        if self.db.read(topology.known) != dict(standing):
            self.db.run(compare)

    def _round(self) -> bool:
        """Tell one batch and note what is up; whether there may be more to tell."""
        moment, moved = 0, None
        if isinstance(self.driver, PortNews):
            moment, moved = self.driver.moved(self._moment)
            if moved is None:
                self._up = None
        changes, bound = self.db.read(partial(self._look, moved=moved or ()))
        told = self._tell(changes)
        if len(changes) == _BATCH == len(told):
            self.db.run(partial(_told, changes=told), promise=False)
            return True
        up, differing = self._differing(bound, moved)
        first, *rest = [*chunks(sorted(differing))] or [[]]
        # Lost with the power, the same is told and noted again.
        if told or first:
            work = partial(_told, changes=told, port_ids=first, up=up)
            self.db.run(work, promise=False, kind="topology", lines=_lines(bound, first))
        for batch in rest:
            note = partial(_note, port_ids=batch, up=up)
            self.db.run(note, promise=False, lines=_lines(bound, batch))
        self._up, self._moment = up, moment
        return False

    def _look(self, tx: Tx, moved: Collection[str]) -> tuple[list[Change], Ports]:
        """What is to be told, and guests' ports: those that wait or moved; all at a first look."""
        changes = translate(tx, topology.dirty(tx, _BATCH))
        ports = _bound_ports(tx, whole=self._up is None)
        for batch in chunks(sorted(set(moved) - ports.keys())):
            ports |= _rows(tx.execute(_moved(), {"ids": batch}))
        return changes, ports

    def _tell(self, changes: Sequence[Change]) -> Sequence[Change]:
        """Those of the changes that the data plane has taken."""
        try:
            if changes:
                self.driver.apply(changes)
            return changes
        except Refused:
            return self._one_by_one(changes)

    def _one_by_one(self, changes: Sequence[Change]) -> list[Change]:
        told = []
        for change in changes:
            try:
                self.driver.apply([change])
                told.append(change)
                self._refused.pop(change.key, None)
            except Refused as refused:
                # Said once for each revision: the next rounds try again in silence.
                if self._refused.get(change.key) != change.revision:
                    log.error("%s %s is refused by the data plane: %s", *change.key, refused)
                self._refused[change.key] = change.revision
        return told

    def _differing(
        self, bound: Ports, moved: Collection[str] | None
    ) -> tuple[Mapping[str, str], set[str]]:
        """Which ports are up where, and those whose rows may say otherwise."""
        before = self._up
        if isinstance(self.driver, PortNews) and moved is not None and before is not None:
            up = self.driver.where(bound)
            return up, _differing(bound, up)
        up = dict(self.driver.ports_up())
        changed = _differing(bound, up)
        if before is not None and up != before:
            changed |= {port_id for port_id, _ in up.items() ^ before.items()}
        return up, changed


def _bound_ports(tx: Tx, whole: bool) -> dict[str, tuple[str, str, str]]:
    """Ports of guests on hosts; only those that wait, unless `whole`."""
    return _rows(tx.execute(_bound(whole)))


def _rows(found: Iterable[Any]) -> dict[str, tuple[str, str, str]]:
    return {port_id: (host, status, server) for port_id, host, status, server in found}


def _lines(ports: Ports, some: Iterable[str]) -> list[str]:
    """What stands in line for the flows that these ports' servers may have."""
    return [flow.line(ports[port_id][2]) for port_id in some if port_id in ports]


def _differing(ports: Ports, up: Mapping[str, str]) -> set[str]:
    """Ports whose rows say otherwise than `up`."""
    return {
        port_id
        for port_id, (host, status, _) in ports.items()
        if (up.get(port_id) == host) != (status == "ACTIVE")
    }


@cache
def _bound(whole: bool) -> "sa.Select[Any]":
    table = Port.table.c
    # A range rather than "not empty", so that an index finds them.
    waiting = [table.host > ""] if whole else [table.status == "DOWN", table.host > ""]
    columns = (table.id, table.host, table.status, table.device_id)
    return sa.select(*columns).where(of_guests(), *waiting)


@cache
def _moved() -> "sa.Select[Any]":
    table = Port.table.c
    query = sa.select(table.id, table.host, table.status, table.device_id)
    return query.where(of_guests(), table.id.in_(sa.bindparam("ids", expanding=True)))


def _note(tx: Tx, port_ids: Sequence[str], up: Mapping[str, str]) -> None:
    for port in tx.all(Port, id=port_ids):
        if not is_guest(port):
            continue
        status = "ACTIVE" if port.host and up.get(port.id) == port.host else "DOWN"
        if status == port.status:
            continue
        tx.change(
            port,
            status=status,
            revision_number=port.revision_number + 1,
            updated_at=tx.now,
        )
        if port.device_id:
            flow.wake(tx, port.device_id)


def _told(
    tx: Tx,
    changes: Sequence[Change],
    port_ids: Sequence[str] = (),
    up: Mapping[str, str] | None = None,
) -> None:
    """Note what was told and, of these ports, where they are up."""
    topology.done(tx, ((c.key, c.revision, c.thing is not None) for c in changes))
    routers = [c.key[1] for c in changes if c.key[0] == "router" and c.thing is not None]
    ports = [c.key[1] for c in changes if c.key[0] == "port" and c.thing is not None]
    for batch in chunks(routers):
        for floating in tx.all(FloatingIp, router_id=batch):
            if floating.status != "ACTIVE":
                tx.change(floating, status="ACTIVE")
    for batch in chunks(ports):
        for port in tx.all(Port, id=batch, device_owner=(GATEWAY, INTERFACE)):
            if port.status != "ACTIVE":
                tx.change(port, status="ACTIVE")
    _note(tx, port_ids, up or {})


def loops(parts: Parts) -> list[Loop]:
    """The network service's loops."""
    db, driver = parts[Database], parts[NetworkDriver]
    translation = Translation(db, driver)
    loop = Loop("network.topology", _PERIOD, translation.work, db, db.owner, translation.anew)
    db.listen(topology.TOPIC, lambda _key: loop.nudge())

    def changed() -> None:
        translation.changed()
        loop.nudge()

    driver.on_change(changed)
    return [loop]


def clear(driver: NetworkDriver) -> None:
    """Remove everything of ours from the data plane."""
    rank = topology.RANKS
    keys = sorted(driver.revisions(), key=lambda key: -rank[key[0]])
    for batch in chunks(keys):
        driver.apply([Change(key, 0, None) for key in batch])
