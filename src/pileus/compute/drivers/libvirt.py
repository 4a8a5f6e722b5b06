"""Guests on QEMU, driven through libvirt."""

import time
import uuid
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import libvirt

from pileus.compute.driver import GuestSpec, HostFacts, ImageFiles, Observation, Power
from pileus.compute.drivers.configdrive import write_drive
from pileus.compute.drivers.connection import Connection, said_plainly
from pileus.compute.drivers.console import bound_console, read_console
from pileus.compute.drivers.domain import Shape, domain_xml, nic_element
from pileus.compute.drivers.host import host_facts
from pileus.compute.drivers.mark import NAMESPACE, PREFIX, Mark, digest
from pileus.compute.drivers.overlay import Overlay, Overlays
from pileus.core.backend import Busy, Refused

PATIENCE = 5.0  # seconds that one call waits for a guest to shut itself down
GRACE = 60.0  # seconds after which a guest that does not is turned off


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
    ) -> None:
        self._connection = Connection(uri)
        self._overlays = Overlays(instances.absolute(), images)
        self._accelerator, self._userspace = accelerator, userspace_datapath
        self._hostname = hostname
        self._patience, self._grace = patience, grace
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._deadlines: dict[str, float] = {}

    def facts(self) -> HostFacts:
        """What the host has, as libvirt tells it."""
        with said_plainly("describe the host"):
            return host_facts(
                self._connection.get(), self._hostname, self._accelerator, self._overlays.free_gb()
            )

    def ensure(self, spec: GuestSpec) -> Observation:
        """Make the guest what `spec` says.

        Raises Busy while a guest is shutting itself down; the call is then repeated. What cannot
        change in a running guest (size, disks) is taken up at its next start.
        """
        guest_id = _checked(spec.id)
        with self._locks[guest_id], said_plainly(f"make guest {spec.name} ({guest_id})"):
            domain = self._connection.lookup(guest_id)
            mark = None if domain is None else _mark(domain)
            if domain is not None and mark is None:
                raise Refused(f"Domain {guest_id} on this host was not made by Pileus.")
            if mark is not None and mark.generation > spec.generation:
                raise Refused(
                    f"Guest {guest_id} is at generation {mark.generation} on this host; generation "
                    f"{spec.generation} is older and is not obeyed."
                )
            try:
                domain, mark = self._define(spec, domain, mark)
            except Refused:
                if domain is None:
                    self._overlays.remove(guest_id)
                raise
            self._power(spec, domain, mark)
            return _seen(domain, replace(mark, reboots=max(mark.reboots, spec.reboots)))

    def remove(self, guest_id: str) -> None:
        """Destroy the guest with everything it had."""
        guest_id = _checked(guest_id)
        with self._locks[guest_id], said_plainly(f"remove guest {guest_id}"):
            domain = self._connection.lookup(guest_id)
            if domain is not None:
                if _mark(domain) is None:
                    raise Refused(f"Domain {guest_id} on this host was not made by Pileus.")
                if domain.isActive():
                    domain.destroy()
                domain.undefineFlags(
                    libvirt.VIR_DOMAIN_UNDEFINE_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                )
            self._overlays.remove(guest_id)
            self._deadlines.pop(guest_id, None)

    def observe(self) -> Sequence[Observation]:
        """Every guest of ours. Also keeps console logs within their bound."""
        seen = []
        with said_plainly("list the guests"):
            for domain in self._connection.get().listAllDomains():
                try:
                    mark = _mark(domain)
                    if mark is not None:
                        seen.append(_seen(domain, mark))
                        bound_console(self._overlays.folder(domain.UUIDString()))
                except libvirt.libvirtError as error:
                    if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                        raise
        return seen

    def console_log(self, guest_id: str) -> bytes:
        """What the guest wrote to its serial console: the newest MiB."""
        return read_console(self._overlays.folder(_checked(guest_id)))

    def _define(self, spec: GuestSpec, domain: Any, mark: Mark | None) -> tuple[Any, Mark]:
        wanted = digest(spec)
        overlays = [self._overlays.found(spec.id, disk) for disk in spec.disks]
        same = mark is not None and mark.digest == wanted and None not in overlays
        if domain is not None and mark is not None and same:
            if mark.generation != spec.generation:
                mark = replace(mark, generation=spec.generation)
                _write(domain, mark)
            return domain, mark
        if None in overlays and domain is not None and domain.isActive():
            domain.destroy()  # a rebuild: the disks below it are made anew
        active = domain is not None and bool(domain.isActive())
        whole = [
            found or self._overlays.make(spec.id, disk)
            for found, disk in zip(overlays, spec.disks, strict=True)
        ]
        folder = self._overlays.folder(spec.id)
        folder.mkdir(parents=True, exist_ok=True)
        if not active:
            for overlay in whole:
                self._overlays.grow(overlay)
        new = Mark(spec.generation, spec.reboots if mark is None else mark.reboots, wanted)
        domain = self._connection.get().defineXML(
            domain_xml(spec, new, self._shape(spec, folder, whole))
        )
        if active:
            self._plug(domain, spec)
        return domain, new

    def _shape(self, spec: GuestSpec, folder: Path, overlays: list[Overlay]) -> Shape:
        drive = folder / "disk.config" if spec.config_drive else None
        if drive is not None:
            write_drive(drive, spec.config_drive)
        return Shape(self._accelerator, self._userspace, folder, overlays, drive)

    def _plug(self, domain: Any, spec: GuestSpec) -> None:
        """Attach and detach interfaces of a running guest."""
        live = libvirt.VIR_DOMAIN_AFFECT_LIVE
        tree = ET.fromstring(domain.XMLDesc(0))  # noqa: S314 - libvirt's own
        has = {str(nic.find("mac").get("address")): nic for nic in tree.iter("interface")}  # type: ignore[union-attr]
        wanted = {nic.mac.lower(): nic for nic in spec.nics}
        for mac in has.keys() - wanted.keys():
            domain.detachDeviceFlags(ET.tostring(has[mac], encoding="unicode"), live)
        for mac in wanted.keys() - has.keys():
            nic = nic_element(wanted[mac], spec.properties, self._userspace)
            domain.attachDeviceFlags(ET.tostring(nic, encoding="unicode"), live)

    def _power(self, spec: GuestSpec, domain: Any, mark: Mark) -> None:
        if spec.reboots > mark.reboots:
            if domain.isActive() and spec.power != "shutoff":
                self._stop(domain, hard=spec.reboot == "hard")
            # Counted before the start: whoever dies in between finds a guest to start, no more.
            _write(domain, replace(mark, reboots=spec.reboots))
        power = _power_of(domain)
        if spec.power == "shutoff":
            if domain.isActive():
                self._stop(domain, hard=False)
            return
        self._deadlines.pop(spec.id, None)
        if power in ("shutoff", "crashed"):
            if domain.isActive():
                domain.destroy()
            paused = libvirt.VIR_DOMAIN_START_PAUSED if spec.power == "paused" else 0
            domain.createWithFlags(paused)
        elif power == "running" and spec.power == "paused":
            domain.suspend()
        elif power == "paused" and spec.power == "running":
            domain.resume()

    def _stop(self, domain: Any, hard: bool) -> None:
        guest_id = domain.UUIDString()
        deadline = self._deadlines.setdefault(guest_id, time.monotonic() + self._grace)
        if not hard and _power_of(domain) == "running":
            domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
            until = min(deadline, time.monotonic() + self._patience)
            while domain.isActive() and time.monotonic() < until:
                time.sleep(0.1)
            if domain.isActive() and time.monotonic() < deadline:
                raise Busy(f"Guest {guest_id} is shutting itself down.")
        if domain.isActive():
            domain.destroy()
        self._deadlines.pop(guest_id, None)


def _checked(guest_id: str) -> str:
    try:
        return str(uuid.UUID(guest_id))
    except ValueError as error:
        raise Refused(f"{guest_id!r} is not a guest's id: use a UUID.") from error


def _write(domain: Any, mark: Mark) -> None:
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        mark.xml(),
        PREFIX,
        NAMESPACE,
        libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    )


def _mark(domain: Any) -> Mark | None:
    try:
        return Mark.parse(
            domain.metadata(
                libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
            )
        )
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            return None
        raise


def _power_of(domain: Any) -> Power:
    state, reason = domain.state()
    if state in (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED):
        return "paused"
    if state == libvirt.VIR_DOMAIN_CRASHED:
        return "crashed"
    if state == libvirt.VIR_DOMAIN_SHUTOFF:
        died = reason in (libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED)
        return "crashed" if died else "shutoff"
    return "running"


def _seen(domain: Any, mark: Mark) -> Observation:
    return Observation(domain.UUIDString(), _power_of(domain), mark.generation, mark.reboots)
