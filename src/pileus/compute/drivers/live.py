"""Guests of QEMU that go on at another host while they run.

libvirt does it, from one libvirtd to the other ("peer to peer"): it copies the disks, then the
memory, stops the guest here and has it stand still there. All that the two daemons and the two
emulators say to each other goes over unix sockets, which the agents of both hosts join.

Which of the two may run is not left to libvirt, whose answer may be lost with the connection. A
guest that is being handed over has a mark for it, written down before anything is copied: one that
is off with this mark goes on elsewhere. As long as it is here at all, it goes on here; and what has
come at the other host stands still until this one has said that its own is gone.
"""

import json
import logging
import socket
import threading
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import libvirt

from pileus.compute.driver import Carry, Connect, GoesOnHere, GuestSpec, Landing, Observation, Power
from pileus.compute.drivers import travel
from pileus.compute.drivers.connection import Connection, said_plainly
from pileus.compute.drivers.domain import Shape, domain_xml
from pileus.compute.drivers.gateway import FLAGS, Gateway
from pileus.compute.drivers.likeness import like
from pileus.compute.drivers.mark import Mark, digest
from pileus.compute.drivers.marked import (
    checked,
    destroy,
    mark_of,
    power_of,
    undefine,
    write_mark,
)
from pileus.compute.drivers.overlay import Overlay, Overlays
from pileus.compute.drivers.turns import Turns
from pileus.core.backend import Broken, Busy, Refused

_log = logging.getLogger(__name__)
_SEEN = "/run/libvirt"  # where libvirtd and its emulators see the folder of libvirtd's sockets
_GOALS = ("rpc", "memory", "disks")
_LOOK = 0.2
# Why a guest is off that has been handed over; unknown to a libvirtd that was started since.
_MIGRATED = (libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN)
_HOW = FLAGS | libvirt.VIR_MIGRATE_ABORT_ON_ERROR | libvirt.VIR_MIGRATE_AUTO_CONVERGE


class Live:
    """A HandOver for the guests of one LibvirtCompute."""

    def __init__(
        self,
        connection: Connection,
        overlays: Overlays,
        turns: Turns,
        shape: Callable[[GuestSpec, Sequence[Overlay]], Shape],
    ) -> None:
        self._connection, self._overlays, self._turns = connection, overlays, turns
        self._shape = shape
        self._lock = threading.Lock()
        self._leaving: dict[str, Power] = {}  # being handed over → what it was before

    # At the host that a guest leaves.

    def leaving(self, guest_id: str) -> Power | None:
        """What a guest is that is being handed over at this moment; None for any other."""
        with self._lock:
            return self._leaving.get(guest_id)

    def apart(self, spec: GuestSpec, domain: Any, mark: Mark) -> tuple[Observation | None, Mark]:
        """What to say of a guest that is being handed over or was, and must not be touched.

        None for one that goes on here; its mark then says so. Raises Busy, and Refused for one
        that has not come whole, or of which the other host has not said that it is gone there.
        """
        if mark.coming:
            move = str(uuid.UUID(mark.coming))
            if not travel.arrived(self._overlays.folder(spec.id), move):
                raise Refused(f"Guest {spec.id} is on its way to this host.")
            mark = replace(mark, coming="")
            write_mark(domain, mark)
        power = self.leaving(spec.id)
        if power is not None:
            return Observation(spec.id, power, mark.generation, mark.reboots), mark
        if not mark.leaving:
            return None, mark
        if domain.isActive():
            if _migrates(domain):  # for an agent that has died since
                with suppress(libvirt.libvirtError):
                    domain.abortJob()
                raise Busy(f"Guest {spec.id} is called back.")
        elif mark.generation >= spec.generation:
            return Observation(spec.id, "shutoff", mark.generation, mark.reboots), mark
        self.forget(spec.id)
        mark = replace(mark, leaving=0, generation=spec.generation)
        write_mark(domain, mark)
        return None, mark

    def forget(self, guest_id: str) -> None:
        """Take away what a process that has died left of a move of this guest."""
        for what in ("leaves", "lands"):
            for goal in _GOALS:
                self._socket(what, guest_id, goal).unlink(missing_ok=True)

    def definition(self, guest_id: str) -> str:
        """The domain as the guest finds its devices in it, and this host's processor."""
        with said_plainly(f"describe guest {guest_id}"):
            domain = self._connection.lookup(checked(guest_id))
            if domain is None:
                raise Refused(f"There is no guest {guest_id} on this host.")
            found = str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE))
            return json.dumps({"domain": found, "processor": self._processor()})

    def _processor(self) -> str:
        processor = ET.fromstring(self._connection.get().getCapabilities()).find("host/cpu")  # noqa: S314
        return "" if processor is None else ET.tostring(processor, encoding="unicode")

    def handed(self, guest_id: str, generation: int) -> bool:
        """Whether it is off, and was being handed over under this generation or a newer one."""
        with said_plainly(f"look for guest {guest_id}"):
            domain = self._connection.lookup(checked(guest_id))
            mark = None if domain is None else mark_of(domain)
            if domain is None or mark is None or not mark.leaving:
                return False
            return mark.generation >= generation and not domain.isActive()

    def hand_over(self, guest_id: str, generation: int, landed: bool, carry: Carry) -> None:
        """Have libvirt migrate the guest; it has when this returns."""
        guest_id = checked(guest_id)
        with said_plainly(f"hand over guest {guest_id}"):
            with self._turns.of(guest_id):
                domain = self._begun(guest_id, generation, landed)
            if domain is None:
                return
            try:
                with self._listening(guest_id, carry) as uris:
                    begun = time.monotonic()
                    domain.migrateToURI3(
                        f"qemu+unix:///system?socket={uris['rpc']}",
                        {
                            libvirt.VIR_MIGRATE_PARAM_URI: f"unix://{uris['memory']}",
                            libvirt.VIR_MIGRATE_PARAM_DISKS_URI: f"unix://{uris['disks']}",
                        },
                        _HOW,
                    )
                    _log.info(
                        "guest %s was handed over in %.1f s", guest_id, time.monotonic() - begun
                    )
            finally:
                with self._turns.of(guest_id):
                    here = self._ended(guest_id, domain)
            if here:
                raise GoesOnHere(f"Guest {guest_id} goes on here, though it was migrated.")

    def _begun(self, guest_id: str, generation: int, landed: bool) -> Any | None:
        """The domain to be handed over, marked; None when it has been."""
        domain = self._connection.lookup(guest_id)
        mark = None if domain is None else mark_of(domain)
        if domain is None or mark is None or mark.generation != generation:
            raise Refused(f"There is no guest {guest_id} of generation {generation} here.")
        if self.leaving(guest_id) is not None:
            raise Busy(f"Guest {guest_id} is being handed over already.")
        if not domain.isActive():
            if mark.leaving and landed:
                # What came there is not the newest if it ran on here and was then turned off.
                if domain.state()[1] in _MIGRATED:
                    return None
                raise GoesOnHere(f"Guest {guest_id} went on here, and was turned off since.")
            raise Refused(f"Guest {guest_id} does not run on this host any more.")
        if _migrates(domain):
            raise Busy(f"Guest {guest_id} is still being called back.")
        if landed:
            raise GoesOnHere(f"Guest {guest_id} goes on here.")
        power = power_of(domain)
        write_mark(domain, replace(mark, leaving=1))
        with self._lock:
            self._leaving[guest_id] = power
        return domain

    def _ended(self, guest_id: str, domain: Any) -> bool:
        """Whether the guest goes on here; then its mark is taken away.

        Where libvirtd cannot say, the mark stays, and counts as soon as the guest is off.
        """
        try:
            here = bool(domain.isActive())
            mark = mark_of(domain) if here else None
            if mark is not None:
                write_mark(domain, replace(mark, leaving=0))
            return here
        finally:
            with self._lock:
                del self._leaving[guest_id]

    def call_back(self, guest_id: str) -> None:
        """Have libvirt end the migration, until it has ended.

        An emulator that waits for the other host answers nothing: connections are cut before.
        """
        while self.leaving(guest_id) is not None:
            # It may not have begun, and near its end it cannot be stopped any more.
            with suppress(libvirt.libvirtError, Busy, Broken):
                domain = self._connection.lookup(guest_id)
                if domain is not None:
                    domain.abortJob()
            time.sleep(_LOOK)

    @contextmanager
    def _listening(self, guest_id: str, carry: Carry) -> Iterator[dict[str, str]]:
        """Sockets that are carried to the other host; their paths as libvirtd sees them."""
        listeners = []
        try:
            for goal in _GOALS:
                path = self._socket("leaves", guest_id, goal)
                path.unlink(missing_ok=True)
                listener = socket.socket(socket.AF_UNIX)
                listeners.append((listener, path))
                listener.bind(str(path))
                listener.listen()
                words = (listener, goal, carry)
                threading.Thread(target=_accept, args=words, name="leaves", daemon=True).start()
            yield {goal: f"{_SEEN}/leaves-{guest_id}.{goal}" for goal in _GOALS}
        except OSError as error:
            raise Broken(f"Guest {guest_id} cannot be handed over: {error}") from error
        finally:
            for listener, path in listeners:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                listener.close()
                path.unlink(missing_ok=True)

    # At the host that it comes to.

    def landed(self, guest_id: str, move: str) -> bool:
        """Whether it stands still here and has come by this move."""
        with said_plainly(f"look for guest {guest_id}"):
            domain = self._connection.lookup(checked(guest_id))
            mark = None if domain is None else mark_of(domain)
            if domain is None or mark is None or mark.coming != _hex(move):
                return False
            return _stands(domain)

    def land(self, spec: GuestSpec, landing: Landing) -> None:
        """Have libvirt take the guest in. It stands still, and is off when it is incomplete."""
        guest_id = checked(spec.id)
        with self._turns.of(guest_id), said_plainly(f"take over guest {guest_id}"):
            domain = self._connection.lookup(guest_id)
            landed = domain is not None and self._whole(domain, spec, landing)
            try:
                if not landed:
                    self._discard(guest_id)
                    self._prepare(spec, landing)
                domain = self._connection.lookup(guest_id)
                landing.resume(landed, self._connect(spec, domain))
                if not self._whole(domain, spec, landing):
                    raise Broken(f"Guest {guest_id} has not come whole.")
            except GoesOnHere:
                self._discard(guest_id)
                raise
            except Exception:
                # What came whole may be all that there is of the guest: the other host knows.
                domain = self._connection.lookup(guest_id)
                if domain is not None and not self._whole(domain, spec, landing):
                    self._discard(guest_id)
                raise
            travel.came(self._overlays.folder(guest_id), landing.move)
            self.forget(guest_id)

    def _whole(self, domain: Any, spec: GuestSpec, landing: Landing) -> bool:
        """Whether all of the guest has come by this move, and it has not run here."""
        mark = mark_of(domain)
        if mark is None or mark.coming != _hex(landing.move) or mark.generation > spec.generation:
            raise Refused(f"Guest {spec.id} is on this host already.")
        return _stands(domain)

    def _prepare(self, spec: GuestSpec, landing: Landing) -> None:
        """Everything but what is in the guest's memory and on its disks."""
        guest_id, folder = spec.id, self._overlays.folder(spec.id)
        told = json.loads(landing.definition)
        if self._shape(spec, ()).accelerator == "kvm":
            self._check_processor(str(told["processor"]))
        travel.prepare(folder, landing, spec, self._overlays.images)
        overlays = [self._overlays.over(guest_id, disk) for disk in spec.disks]
        mark = Mark(
            spec.generation,
            spec.reboots,
            digest(spec),
            builds=spec.builds,
            coming=_hex(landing.move),
        )
        xml = like(domain_xml(spec, mark, self._shape(spec, overlays)), str(told["domain"]))
        self._connection.get().defineXML(xml)

    def _check_processor(self, other: str) -> None:
        """A guest of KVM has its host's own processor, and would not bear to find another one."""
        if self._connection.get().compareCPU(other, 0) != libvirt.VIR_CPU_COMPARE_IDENTICAL:
            raise Refused(
                "This host's processor is not like the one of the host that the guest runs on:"
                " `migrate` moves it while it is off."
            )

    def _connect(self, spec: GuestSpec, domain: Any) -> Connect:
        seen = f"unix://{_SEEN}/lands-{spec.id}"
        gateway = Gateway(
            self._sockets / "libvirt-sock",
            spec.name,
            domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE),
            f"{seen}.memory",
            f"{seen}.disks",
        )

        def connect(goal: str) -> socket.socket:
            if goal == "rpc":
                return gateway.open()
            if goal not in _GOALS:
                raise Refused(f"There is no {goal[:64]!r} of a guest.")
            near = socket.socket(socket.AF_UNIX)
            try:
                near.connect(str(self._socket("lands", spec.id, goal)))
            except OSError:
                near.close()
                raise
            return near

        return connect

    def _discard(self, guest_id: str) -> None:
        """Leave nothing of a guest that has not come whole, or is not to go on here."""
        domain = self._connection.lookup(guest_id)
        if domain is not None:
            destroy(domain)
            undefine(domain)
        self.forget(guest_id)
        self._overlays.remove(guest_id)

    @property
    def _sockets(self) -> Path:
        """The folder of libvirtd's sockets."""
        asked = parse_qs(urlsplit(self._connection.uri).query)
        return Path(asked["socket"][0]).parent

    def _socket(self, what: str, guest_id: str, goal: str) -> Path:
        return self._sockets / f"{what}-{guest_id}.{goal}"


def _accept(listener: socket.socket, goal: str, carry: Carry) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return  # closed
        carry(goal, near)


def _stands(domain: Any) -> bool:
    """Whether it was paused on purpose: while it comes it is paused because it migrates."""
    state, reason = domain.state()
    return bool(state == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_USER)


def _migrates(domain: Any) -> bool:
    """Whether libvirt is giving it to another host at this moment."""
    try:
        found = domain.jobStats()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:  # it is off
            return False
        raise
    return bool(found.get("operation") == libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT)


def _hex(move: str) -> str:
    """A move's id as it can stand in a mark. Raises Refused."""
    try:
        return uuid.UUID(move).hex
    except ValueError as error:
        raise Refused(f"{move[:64]!r} is not a move's id: use a UUID.") from error
