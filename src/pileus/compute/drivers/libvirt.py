"""Guests on QEMU, driven through libvirt."""

import logging
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt

from pileus.compute.driver import GuestSpec, HostFacts, ImageFiles, Observation, Power
from pileus.compute.drivers import diskcopy, travel
from pileus.compute.drivers.cells import host_cells
from pileus.compute.drivers.configdrive import write_drive
from pileus.compute.drivers.connection import Connection, said_plainly
from pileus.compute.drivers.console import bound_console, read_console
from pileus.compute.drivers.domain import Shape, domain_xml, nic_element
from pileus.compute.drivers.host import host_facts
from pileus.compute.drivers.live import Live
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
from pileus.compute.pci.spec import DeviceSpec
from pileus.core.backend import Busy, Refused
from pileus.host.processors import written

_log = logging.getLogger(__name__)
PATIENCE = 1.0  # seconds that one call waits for a guest to shut itself down
GRACE = 60.0  # seconds after which a guest that does not is turned off
# What a guest's name or image could put into a definition is escaped, and never looks like this.
_MAC = re.compile(r"<mac address='([0-9a-f:]{17})'/>")


class LibvirtCompute:
    """The guests of the libvirtd at `uri`, with their files under `instances`."""

    name = "libvirt"

    def __init__(
        self,
        uri: str,
        instances: Path,
        images: ImageFiles,
        accelerator: str,
        userspace_datapath: bool,
        hostname: str,
        *,
        patience: float = PATIENCE,
        grace: float = GRACE,
        dedicated: Collection[int] = (),
        specs: Collection[DeviceSpec] = (),
    ) -> None:
        """dedicated, specs: the host's processors and devices that a guest may have to itself."""
        self._connection = Connection(uri)
        self._overlays, self._images = Overlays(instances.absolute(), images), images
        self._accelerator, self._userspace = accelerator, userspace_datapath
        self._hostname = hostname
        self._patience, self._grace = patience, grace
        self._dedicated, self._specs = dedicated, specs
        self._turns = Turns()
        self.live = Live(self._connection, self._overlays, self._turns, self._shape)

    def facts(self) -> HostFacts:
        """What the host has, as libvirt tells it."""
        with said_plainly("describe the host"):
            return host_facts(
                self._connection.get(),
                self._hostname,
                self._accelerator,
                self._overlays.size_gb(),
                self._dedicated,
                self._specs,
            )

    def ensure(self, spec: GuestSpec) -> Observation:
        """Make the guest what `spec` says.

        Raises Busy while a guest is shutting itself down; the call is then repeated. What cannot
        change in a running guest (size, disks) is taken up at its next start.
        """
        guest_id = checked(spec.id)
        with self._turns.of(guest_id), said_plainly(f"make guest {spec.name} ({guest_id})"):
            domain = self._connection.lookup(guest_id)
            mark = None if domain is None else mark_of(domain)
            if domain is not None and mark is None:
                raise Refused(f"Domain {guest_id} on this host was not made by Pileus.")
            if domain is None:
                self._check_name(spec)
            if mark is not None and mark.generation > spec.generation:
                raise Refused(
                    f"Guest {guest_id} is at generation {mark.generation} on this host; generation "
                    f"{spec.generation} is older and is not obeyed."
                )
            if mark is not None:
                seen, mark = self.live.apart(spec, domain, mark)
                if seen is not None:
                    return seen
            if mark is not None and spec.builds > mark.builds:
                mark = self._throw_away(spec, domain, mark)
            mark = self._aside(spec, domain, mark)
            try:
                domain, mark = self._define(spec, domain, mark)
            except Refused:
                if domain is None:
                    self._overlays.remove(guest_id)
                raise
            if domain.isActive():
                self._plug(domain, spec)
            mark = self._power(spec, domain, mark)
            return _seen(domain, mark)

    def remove(self, guest_id: str) -> None:
        """Destroy the guest with everything it had."""
        guest_id = checked(guest_id)
        with self._turns.of(guest_id), said_plainly(f"remove guest {guest_id}"):
            domain = self._connection.lookup(guest_id)
            if domain is not None:
                if mark_of(domain) is None:
                    raise Refused(f"Domain {guest_id} on this host was not made by Pileus.")
                destroy(domain)
                undefine(domain)
            self.live.forget(guest_id)
            self._overlays.remove(guest_id)

    def observe(self) -> Sequence[Observation]:
        """Every guest of ours. Also keeps console logs within their bound."""
        seen = []
        with said_plainly("list the guests"):
            for domain in self._connection.get().listAllDomains():
                try:
                    mark = mark_of(domain)
                    if mark is not None:
                        power = self.live.leaving(domain.UUIDString())
                        seen.append(_seen(domain, mark, power))
                        bound_console(self._overlays.folder(domain.UUIDString()))
                except libvirt.libvirtError as error:
                    if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                        raise
        return seen

    def folders(self) -> Mapping[str, Path]:
        """The folders of guests' disks on this host."""
        return self._overlays.folders()

    def console_log(self, guest_id: str) -> bytes:
        """What the guest wrote to its serial console: the newest MiB."""
        return read_console(self._overlays.folder(checked(guest_id)))

    @contextmanager
    def copied(self, guest_id: str, disk: str) -> Iterator[Iterable[bytes]]:
        """A copy of the guest's disk as it is now; the guest runs on while it is made."""
        guest_id = checked(guest_id)
        path = self._overlays.folder(guest_id) / disk
        target = path.with_name(f"{disk}.copy")
        with said_plainly(f"copy disk {disk} of guest {guest_id}"):
            with self._turns.of(guest_id):
                domain = self._connection.lookup(guest_id)
                if domain is None or not path.exists():
                    raise Refused(f"There is no guest {guest_id} with a disk {disk} on this host.")
                running = diskcopy.begin(domain, path, target)
            try:
                if running:
                    diskcopy.wait(domain)
                else:
                    diskcopy.convert(path, target)
                yield diskcopy.pieces(target)
            finally:
                target.unlink(missing_ok=True)

    def leaving(self, guest_id: str, live: bool = False) -> Sequence[tuple[str, int]]:
        """The overlays of a guest, and the images under them."""
        guest_id = checked(guest_id)
        with said_plainly(f"give away guest {guest_id}"):
            domain = self._connection.lookup(guest_id)
            if domain is None or (domain.isActive() and not live):
                raise Refused(f"There is no guest {guest_id} that is off on this host.")
        return travel.leaving(self._overlays.folder(guest_id), live)

    def read(self, guest_id: str, name: str) -> AbstractContextManager[Iterable[bytes]]:
        """The bytes of one of its files."""
        return travel.read(self._overlays.folder(checked(guest_id)) / name)

    def arrived(self, guest_id: str, move: str) -> bool:
        """Whether the disks of this move are here."""
        return travel.arrived(self._overlays.folder(checked(guest_id)), move)

    def wants(self, spec: GuestSpec, name: str, size: int) -> bool:
        """Everything but images that the image store has."""
        return travel.wants(self._images, name, size)

    def arrive(
        self, spec: GuestSpec, move: str, files: Iterable[tuple[str, Iterable[bytes]]]
    ) -> None:
        """Take the disks over, before there is a domain."""
        folder = self._overlays.folder(checked(spec.id))
        with self._turns.of(spec.id), said_plainly(f"take over guest {spec.id}"):
            if self._connection.lookup(spec.id) is not None:
                raise Refused(f"Guest {spec.id} is on this host already.")
            travel.arrive(folder, move, files, spec, self._images)

    def _check_name(self, spec: GuestSpec) -> None:
        try:
            other = self._connection.get().lookupByName(spec.name).UUIDString()
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return
            raise
        if other != spec.id:
            raise Refused(f"The name {spec.name!r} is taken by guest {other} on this host.")

    def _throw_away(self, spec: GuestSpec, domain: Any, mark: Mark) -> Mark:
        """Destroy a guest that is to be built anew, and its disks; the mark that it then has."""
        for disk in spec.disks:
            self._overlays.source(disk)  # raises before anything is lost
        destroy(domain)
        _forget_memory(domain)
        self._overlays.remove(spec.id)
        return replace(mark, builds=spec.builds)

    def _aside(self, spec: GuestSpec, domain: Any, mark: Mark | None) -> Mark | None:
        """Put disks back that were set aside, or set them aside, with the guest off meanwhile."""
        files, names = self._overlays, [disk.name for disk in spec.disks]
        if files.is_aside(spec.id, spec.back):
            if domain is not None:
                destroy(domain)  # the disks that it writes to are dropped
                _forget_memory(domain)
            files.put_back(spec.id, spec.back)
        if spec.kept and not files.is_aside(spec.id, spec.kept):
            if domain is not None and mark is not None and domain.isActive():
                self._stop(domain, mark, hard=False)
                mark = mark_of(domain)
            files.set_aside(spec.id, spec.kept, {*names, "disk.eph0", "disk.swap"})
        files.tidy(spec.id, names, spec.kept)
        return mark

    def _define(self, spec: GuestSpec, domain: Any, mark: Mark | None) -> tuple[Any, Mark]:
        wanted = digest(spec)
        overlays = [self._overlays.found(spec.id, disk) for disk in spec.disks]
        drive = self._overlays.folder(spec.id) / "disk.config" if spec.config_drive else None
        whole = None not in overlays and (drive is None or drive.exists())
        if domain is not None and mark is not None and mark.digest == wanted and whole:
            if mark.generation != spec.generation:
                mark = replace(mark, generation=spec.generation)
                write_mark(domain, mark)
            return domain, mark
        if None in overlays and domain is not None:
            destroy(domain)  # a rebuild: the disks below it are made anew
        disks = [
            found or self._overlays.make(spec.id, disk)
            for found, disk in zip(overlays, spec.disks, strict=True)
        ]
        folder = self._overlays.folder(spec.id)
        folder.mkdir(parents=True, exist_ok=True)
        if drive is not None:
            write_drive(drive, spec.config_drive)
        new = Mark(spec.generation, spec.reboots, wanted, builds=spec.builds)
        if mark is not None:
            new = replace(mark, generation=spec.generation, digest=wanted)
        xml = domain_xml(spec, new, self._shape(spec, disks))
        return self._connection.get().defineXML(xml), new

    def _shape(self, spec: GuestSpec, disks: Sequence[Overlay]) -> Shape:
        folder = self._overlays.folder(spec.id)
        drive = folder / "disk.config" if spec.config_drive else None
        return Shape(self._accelerator, self._userspace, folder, disks, drive, self._floating())

    def _floating(self) -> str:
        """The processors for guests that have none of their own, where others have."""
        if not self._dedicated:
            return ""
        capabilities = self._connection.get().getCapabilities()
        cells = host_cells(capabilities, self._dedicated)
        return written({cpu for one in cells for cpu in one.cpus} - set(self._dedicated))

    def _plug(self, domain: Any, spec: GuestSpec) -> None:
        """Attach and detach interfaces of a running guest, where it differs."""
        live = libvirt.VIR_DOMAIN_AFFECT_LIVE
        has = set(_MAC.findall(domain.XMLDesc()))
        wanted = {nic.mac.lower(): nic for nic in spec.nics}
        for mac in has - wanted.keys():
            old = f"<interface type='ethernet'><mac address='{mac}'/></interface>"
            try:
                domain.detachDeviceFlags(old, live)
            except libvirt.libvirtError as error:
                # A guest need not let go of it. Its tap goes anyway, and the next start is without.
                _log.info("guest %s keeps interface %s for now: %s", spec.id, mac, error)
        for mac in wanted.keys() - has:
            nic = nic_element(wanted[mac], spec.properties, self._userspace)
            domain.attachDeviceFlags(ET.tostring(nic, encoding="unicode"), live)

    def _power(self, spec: GuestSpec, domain: Any, mark: Mark) -> Mark:
        if spec.reboots > mark.reboots:
            if domain.isActive() and spec.power != "shutoff":
                self._stop(domain, mark, hard=spec.reboot == "hard")
            _forget_memory(domain)
            # Counted before the start: whoever dies in between finds a guest to start, no more.
            mark = replace(mark, reboots=spec.reboots, stop_by=0)
            write_mark(domain, mark)
        if spec.power == "shutoff":
            if domain.isActive():
                self._stop(domain, mark, hard=False)
            _forget_memory(domain)
            return mark
        if mark.stop_by:
            mark = replace(mark, stop_by=0)
            write_mark(domain, mark)
        power = power_of(domain)
        if spec.power == "suspended":
            if power in ("running", "paused"):
                domain.managedSave(libvirt.VIR_DOMAIN_SAVE_RUNNING)
            return mark
        if power == "suspended":
            domain.createWithFlags(_started(spec))
        elif power in ("shutoff", "crashed"):
            destroy(domain)
            for disk in spec.disks:
                overlay = self._overlays.found(spec.id, disk)
                if overlay is not None:
                    self._overlays.grow(overlay)
            domain.createWithFlags(_started(spec))
        elif power == "running" and spec.power == "paused":
            domain.suspend()
        elif power == "paused" and spec.power == "running":
            domain.resume()
        return mark

    def _stop(self, domain: Any, mark: Mark, hard: bool) -> None:
        """Let the guest shut itself down, or turn it off when its time is over.

        Raises Busy while the guest has time left: the call is then repeated.
        """
        now = time.time()
        if not hard and self._grace and power_of(domain) == "running":
            # A clock that was set back must not give a guest more time than it ever had.
            if not mark.stop_by or mark.stop_by > now + self._grace + 1:
                mark = replace(mark, stop_by=int(now + self._grace) + 1)
                write_mark(domain, mark)
            if now < mark.stop_by:
                # Again at each call: a guest that is still booting does not hear the first.
                domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
                until = time.monotonic() + self._patience
                while domain.isActive() and time.monotonic() < until:
                    time.sleep(0.1)
                if domain.isActive() and time.time() < mark.stop_by:
                    raise Busy(f"Guest {domain.UUIDString()} is shutting itself down.")
        destroy(domain)
        if mark.stop_by:
            write_mark(domain, replace(mark, stop_by=0))


def _started(spec: GuestSpec) -> int:
    return int(libvirt.VIR_DOMAIN_START_PAUSED) if spec.power == "paused" else 0


def _forget_memory(domain: Any) -> None:
    if domain.hasManagedSaveImage(0):
        domain.managedSaveRemove(0)


def _seen(domain: Any, mark: Mark, power: Power | None = None) -> Observation:
    return Observation(
        domain.UUIDString(), power or power_of(domain), mark.generation, mark.reboots
    )
