"""A hypervisor that runs nothing: it keeps the books of a host as a real one would."""

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Literal

from pileus.compute.driver import GuestSpec, HostFacts, ImageFiles, Observation, Power
from pileus.compute.drivers.imagefile import disk_size, virtual_size
from pileus.core.backend import Broken, Refused

Operation = Literal["facts", "ensure", "remove", "observe", "console_log"]


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
        if known is None:
            for disk in spec.disks:
                if disk.image is not None:
                    needed = virtual_size(*self._images.path(disk.image))
                    disk_size(disk.image, needed, disk.size_gb)
        with self._lock:
            old = self._guests.get(spec.id)
            if old is not None and old.generation > spec.generation:
                raise Refused(
                    f"Guest {spec.id} is at generation {old.generation} on this host; generation "
                    f"{spec.generation} is older and is not obeyed."
                )
            new = Guest(
                id=spec.id,
                name=spec.name,
                generation=spec.generation,
                power=spec.power,
                reboots=spec.reboots if old is None else max(old.reboots, spec.reboots),
                vcpus=spec.vcpus,
                memory_mb=spec.memory_mb,
                nics=tuple(f"{nic.mac} {', '.join(nic.addresses)}".strip() for nic in spec.nics),
                boots=_boots(old, spec),
            )
            if new != old:
                self._keep(new)
            return _seen(new)

    def remove(self, guest_id: str) -> None:
        """Forget the guest."""
        self._begin("remove")
        with self._lock:
            if self._guests.pop(guest_id, None) is not None:
                self._append({"id": guest_id, "gone": True})

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

    def _begin(self, operation: Operation) -> None:
        if self.delay:
            self._sleep(self.delay)
        with self._lock:
            if self._failures[operation]:
                raise self._failures[operation].popleft()

    def _keep(self, guest: Guest) -> None:
        self._guests[guest.id] = guest
        self._append(asdict(guest))

    def _append(self, record: dict[str, object]) -> None:
        if self._file is not None:
            with self._file.open("a") as out:
                out.write(json.dumps(record) + "\n")


def _boots(old: Guest | None, spec: GuestSpec) -> int:
    if old is None:
        return int(spec.power != "shutoff")
    started = spec.power != "shutoff" and old.power in ("shutoff", "crashed")
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
                record["nics"] = tuple(record["nics"])
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
