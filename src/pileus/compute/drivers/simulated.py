"""A hypervisor that runs nothing: it keeps the books of a host as a real one would."""

import errno
import json
import os
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Literal

from pileus.compute.driver import (
    Carry,
    GoesOnHere,
    GuestSpec,
    HostCell,
    HostDevice,
    HostFacts,
    ImageFiles,
    Landing,
    Observation,
    Power,
)
from pileus.compute.drivers.imagefile import blank_qcow2, disk_size, virtual_size
from pileus.core.backend import Broken, Refused
from pileus.host.processors import written

Operation = Literal[
    "facts",
    "ensure",
    "remove",
    "observe",
    "console_log",
    "copied",
    "leaving",
    "arrive",
    "hand_over",
]


@dataclass(frozen=True)
class Guest:
    """What the simulated host remembers of a guest."""

    id: str
    name: str
    generation: int
    power: Power
    reboots: int
    vcpus: int
    memory_mb: int
    nics: tuple[str, ...]
    boots: int
    disks: tuple[str, ...] = ()  # "name size image"
    builds: int = 0
    aside: tuple[str, ...] = ()  # the name under which disks are set aside, then those disks
    content: str = ""  # stands for what is on the disks: where and how often they were made
    move: str = ""  # by which the disks came here
    handed: bool = False  # it goes on elsewhere: only a newer generation runs here again
    pins: tuple[int, ...] = ()  # the host's processors that it has to itself
    devices: tuple[str, ...] = ()  # the host's devices that it has to itself

    def transcript(self) -> str:
        """What the guest would have written to its serial console since it was made."""
        return "".join(
            f"This guest is simulated by Pileus: nothing runs.\n"
            f"[    0.000000] Booting {self.name} ({self.id}), boot {boot}\n"
            f"[    0.104211] {self.vcpus} vCPU, {self.memory_mb} MiB of memory\n"
            + "".join(f"[    1.{at:06d}] eth{at}: {nic}\n" for at, nic in enumerate(self.nics))
            + f"\n{self.name} login: "
            + ("\n" if boot < self.boots else "")
            for boot in range(1, self.boots + 1)
        )


class SimulatedCompute:
    """A host of any size on which nothing runs.

    It takes `delay` seconds for each call, spent in `sleep`. With a `file`, every change is
    appended to it as a line of JSON, and a new process finds the guests again. All methods may be
    called from several threads.
    """

    name = "simulated"

    def __init__(
        self,
        hostname: str,
        images: ImageFiles,
        *,
        vcpus: int = 16,
        memory_mb: int = 65536,
        disk_gb: int = 1000,
        file: Path | None = None,
        delay: float = 0.0,
        cells: Sequence[HostCell] = (),
        devices: Sequence[HostDevice] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.delay = delay
        self._facts = HostFacts(
            hostname=hostname,
            hypervisor_type="simulated",
            hypervisor_version=1000000,
            accelerator="simulated",
            arch="x86_64",
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_gb=disk_gb,
            cpu_model="simulated",
            cells=tuple(cells),
            devices=tuple(devices),
        )
        self._images = images
        self._file = file
        self._sleep = sleep
        self._lock = Lock()
        self._failures: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._guests: dict[str, Guest] = {}
        if file is not None:
            self._guests = _read(file)
            _compact(file, self._guests)

    def fail_next(self, operation: Operation, error: Exception) -> None:
        """Make the next call of `operation` raise `error`; several calls queue up."""
        with self._lock:
            self._failures[operation].append(error)

    def crash(self, guest_id: str) -> None:
        """Let the guest die, as when its process is killed. Raises KeyError when there is none."""
        with self._lock:
            self._keep(replace(self._guests[guest_id], power="crashed"))

    def facts(self) -> HostFacts:
        """What this host pretends to be and have."""
        self._begin("facts")
        return self._facts

    def ensure(self, spec: GuestSpec) -> Observation:
        """Make the guest's record what `spec` says."""
        self._begin("ensure")
        with self._lock:
            known = self._guests.get(spec.id)
        if known is None or known.builds < spec.builds:
            for disk in spec.disks:
                if disk.image is not None:
                    needed = virtual_size(*self._images.path(disk.image))
                    disk_size(disk.image, needed, disk.size_gb)
        with self._lock:
            old = self._guests.get(spec.id)
            _obeyed(old, spec)
            pins = tuple(host for cell in spec.cells for _, host in cell.pins)
            self._check_pins(spec.id, pins)
            self._check_devices(spec)
            disks, aside = _disks(old, spec)
            made = f"made on {self._facts.hostname}, build {spec.builds}"
            new = Guest(
                id=spec.id,
                name=spec.name,
                generation=spec.generation,
                power="shutoff" if _elsewhere(old, spec) else _power(old, spec),
                reboots=spec.reboots if old is None else max(old.reboots, spec.reboots),
                vcpus=spec.vcpus,
                memory_mb=spec.memory_mb,
                nics=tuple(f"{nic.mac} {', '.join(nic.addresses)}".strip() for nic in spec.nics),
                boots=_boots(old, spec),
                disks=disks,
                builds=spec.builds,
                aside=aside,
                content=made if old is None or old.builds < spec.builds else old.content,
                move=old.move if old is not None else "",
                handed=_elsewhere(old, spec),
                pins=pins,
                devices=tuple(spec.devices),
            )
            if new != old:
                self._keep(new)
            return _seen(new)

    def _check_pins(self, guest_id: str, pins: Sequence[int]) -> None:
        """Raises Refused for processors that are not there, or that another guest has."""
        own = {cpu for cell in self._facts.cells for cpu in cell.dedicated}
        gone = {pin for one in self._guests.values() if one.id != guest_id for pin in one.pins}
        if wrong := set(pins) - own or set(pins) & gone:
            raise Refused(f"Guest {guest_id} cannot have the processors {written(wrong)} here.")

    def _check_devices(self, spec: GuestSpec) -> None:
        """Raises Refused for devices that are not there, or that another guest has."""
        own = {one.address for one in self._facts.devices}
        others = [one for one in self._guests.values() if one.id != spec.id]
        gone = {address for one in others for address in one.devices}
        if wrong := set(spec.devices) - own or set(spec.devices) & gone:
            raise Refused(f"Guest {spec.id} cannot have {', '.join(sorted(wrong))} here.")

    def remove(self, guest_id: str) -> None:
        """Forget the guest."""
        self._begin("remove")
        with self._lock:
            if guest_id in self._guests:
                self._append({"id": guest_id, "gone": True})
                del self._guests[guest_id]

    def observe(self) -> Sequence[Observation]:
        """Every guest that this host remembers."""
        self._begin("observe")
        with self._lock:
            return [_seen(guest) for guest in self._guests.values()]

    def console_log(self, guest_id: str) -> bytes:
        """A made-up boot transcript, which says that it is one."""
        self._begin("console_log")
        with self._lock:
            guest = self._guests.get(guest_id)
        return guest.transcript().encode() if guest else b""

    @contextmanager
    def copied(self, guest_id: str, disk: str) -> Iterator[Iterable[bytes]]:
        """An empty disk of the right size."""
        self._begin("copied")
        with self._lock:
            guest = self._guests.get(guest_id)
        sizes = {one.split(" ")[0]: int(one.split(" ")[1]) for one in guest.disks} if guest else {}
        if disk not in sizes:
            raise Refused(f"There is no guest {guest_id} with a disk {disk} on this host.")
        yield [blank_qcow2(sizes[disk] << 30)]

    def leaving(self, guest_id: str, live: bool = False) -> Sequence[tuple[str, int]]:
        """One small file a disk."""
        self._begin("leaving")
        with self._lock:
            guest = self._guests.get(guest_id)
        if guest is None or not (live or guest.power in ("shutoff", "crashed")):
            raise Refused(f"There is no guest {guest_id} that is off on this host.")
        return [(disk.split(" ")[0], len(_bytes(guest, disk))) for disk in guest.disks]

    @contextmanager
    def read(self, guest_id: str, name: str) -> Iterator[Iterable[bytes]]:
        """What stands for the disk."""
        with self._lock:
            guest = self._guests.get(guest_id)
        found = [one for one in guest.disks if one.split(" ")[0] == name] if guest else []
        if guest is None or not found:
            raise Refused(f"There is no guest {guest_id} with a disk {name} on this host.")
        yield [_bytes(guest, found[0])]

    def arrived(self, guest_id: str, move: str) -> bool:
        """Whether the guest's disks came by this move."""
        with self._lock:
            return guest_id in self._guests and self._guests[guest_id].move == move

    def wants(self, spec: GuestSpec, name: str, size: int) -> bool:
        """All of it."""
        return True

    def arrive(
        self, spec: GuestSpec, move: str, files: Iterable[tuple[str, Iterable[bytes]]]
    ) -> None:
        """Remember the disks; the guest is off until it is asked for."""
        self._begin("arrive")
        taken = {name: b"".join(pieces).decode() for name, pieces in files}
        disks = tuple(text.partition("\n")[0] for text in taken.values())
        contents = {text.partition("\n")[2] for text in taken.values()}
        with self._lock:
            old = self._guests.get(spec.id)
            _obeyed(old, spec)
            self._keep(
                Guest(
                    id=spec.id,
                    name=spec.name,
                    generation=spec.generation,
                    power="shutoff",
                    reboots=spec.reboots,
                    vcpus=spec.vcpus,
                    memory_mb=spec.memory_mb,
                    nics=(),
                    boots=0,
                    disks=disks,
                    builds=spec.builds,
                    content=" ".join(sorted(contents)),
                    move=move,
                )
            )

    def definition(self, guest_id: str) -> str:
        """Nothing that the specification would not tell."""
        return ""

    def hand_over(self, guest_id: str, generation: int, landed: bool, carry: Carry) -> None:
        """Stop the guest, and remember that it goes on elsewhere."""
        self._begin("hand_over")
        with self._lock:
            guest = self._guests.get(guest_id)
            if guest is None or guest.generation != generation:
                raise Refused(f"There is no guest {guest_id} of generation {generation} here.")
            if landed and not guest.handed:
                raise GoesOnHere(f"Guest {guest_id} goes on here.")
            self._keep(replace(guest, power="shutoff", handed=True))

    def call_back(self, guest_id: str) -> None:
        """It has ended by itself: a hand-over is one step here."""

    def handed(self, guest_id: str, generation: int) -> bool:
        """Whether it has been handed over under this generation or a newer one."""
        with self._lock:
            guest = self._guests.get(guest_id)
        return guest is not None and guest.handed and guest.generation >= generation

    def landed(self, guest_id: str, move: str) -> bool:
        """It comes when it is stopped elsewhere, not before."""
        return False

    def land(self, spec: GuestSpec, landing: Landing) -> None:
        """Remember the disks, once the other host has stopped the guest."""

        def files() -> Iterator[tuple[str, Iterable[bytes]]]:
            yield from landing.fetch([name for name, _ in landing.files])
            landing.resume(False, _nowhere)

        self.arrive(spec, landing.move, files())

    def _begin(self, operation: Operation) -> None:
        if self.delay:
            self._sleep(self.delay)
        with self._lock:
            if self._failures[operation]:
                raise self._failures[operation].popleft()

    def _keep(self, guest: Guest) -> None:
        self._append(asdict(guest))
        self._guests[guest.id] = guest

    def _append(self, record: dict[str, object]) -> None:
        if self._file is not None:
            try:
                _append_whole(self._file, json.dumps(record) + "\n")
            except OSError as error:
                raise Broken(f"{self._file} cannot be written: {error}") from error


def _nowhere(goal: str) -> socket.socket:
    raise Refused(f"Nothing runs here that {goal[:64]!r} could be carried to.")


def _obeyed(old: Guest | None, spec: GuestSpec) -> None:
    if old is not None and old.generation > spec.generation:
        raise Refused(
            f"Guest {spec.id} is at generation {old.generation} on this host; generation "
            f"{spec.generation} is older and is not obeyed."
        )


def _elsewhere(old: Guest | None, spec: GuestSpec) -> bool:
    """Whether the guest goes on at another host, as far as this specification knows."""
    return old is not None and old.handed and old.generation >= spec.generation


def _bytes(guest: Guest, disk: str) -> bytes:
    return f"{disk}\n{guest.content}".encode()


def _disks(old: Guest | None, spec: GuestSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The guest's disks and what is set aside of them. Raises Refused for one that would shrink."""
    wanted = tuple(f"{disk.name} {disk.size_gb} {disk.image or ''}" for disk in spec.disks)
    if old is None or old.builds < spec.builds:
        return wanted, (spec.kept,) if spec.kept else ()
    now, aside = old.disks, old.aside
    if aside and aside[0] == spec.back:
        now, aside = aside[1:], ()
    if spec.kept and aside[:1] != (spec.kept,):
        aside = (spec.kept, *now)
    sizes = {name: int(size) for name, size, _ in (one.split(" ") for one in now)}
    for disk in spec.disks:
        if disk.name != "disk.swap" and disk.size_gb < sizes.get(disk.name, 0):
            raise Refused(
                f"The disk {disk.name} has {sizes[disk.name]} GiB and cannot shrink to"
                f" {disk.size_gb} GiB."
            )
    return wanted, aside if spec.kept else ()


def _append_whole(file: Path, line: str) -> None:
    """Append the line, or nothing of it: half a line would spoil the next."""
    with file.open("ab", buffering=0) as out:
        end = out.seek(0, os.SEEK_END)
        try:
            written = out.write(line.encode())
            if written != len(line.encode()):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            out.truncate(end)
            raise


def _power(old: Guest | None, spec: GuestSpec) -> Power:
    """A guest that is off has no memory to keep."""
    off = old is not None and old.power in ("shutoff", "crashed")
    return old.power if old is not None and off and spec.power == "suspended" else spec.power


def _boots(old: Guest | None, spec: GuestSpec) -> int:
    if old is None:
        return int(spec.power != "shutoff")
    off = old.power in ("shutoff", "crashed") or spec.builds > old.builds
    off = off or spec.kept not in ("", *old.aside[:1])
    off = off or (bool(spec.back) and old.aside[:1] == (spec.back,))
    if _elsewhere(old, spec):
        return old.boots
    started = spec.power != "shutoff" and off
    rebooted = spec.power != "shutoff" and spec.reboots > old.reboots
    return old.boots + int(started or rebooted)


def _seen(guest: Guest) -> Observation:
    return Observation(guest.id, guest.power, guest.generation, guest.reboots)


def _read(file: Path) -> dict[str, Guest]:
    guests: dict[str, Guest] = {}
    text = file.read_text() if file.exists() else ""
    # What follows the last line end was cut off as the process died: it never happened.
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            record = json.loads(line)
            if record.pop("gone", False):
                guests.pop(record["id"], None)
            else:
                for several in ("nics", "disks", "aside", "pins"):
                    record[several] = tuple(record.get(several, ()))
                guests[record["id"]] = Guest(**record)
        except (ValueError, TypeError, KeyError) as error:
            raise Broken(
                f"Line {number} of {file} is not a record of a simulated guest ({error}): "
                f"delete the line, or the file to start with an empty host."
            ) from error
    return guests


def _compact(file: Path, guests: dict[str, Guest]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.write_text("".join(json.dumps(asdict(guest)) + "\n" for guest in guests.values()))
    new.replace(file)
