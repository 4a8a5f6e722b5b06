"""What the compute service asks of a hypervisor.

A driver makes one host's guests match the specifications that it is given. It keeps no state of
its own beyond the hypervisor's, and never sees a row, a request or the database.
"""

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from ..core.backend import Broken

Power = Literal["running", "shutoff", "paused", "suspended", "crashed", "absent"]


@dataclass(frozen=True)
class Disk:
    """One disk of a guest, in the order in which the guest sees them.

    `image` names the image whose bytes the disk starts with; None makes an empty disk.
    """

    # "disk" (the root disk), "disk.eph0", "disk.swap", "disk.rescue" (booted from, if it is there):
    # also the overlay's file name
    name: str
    size_gb: int
    image: str | None = None
    bus: Literal["virtio", "ide", "scsi"] = "virtio"


@dataclass(frozen=True)
class Nic:
    """One network interface: a port of the network service, plugged on this host."""

    port_id: str
    network_id: str
    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()  # the port's fixed IPs, by which metadata is looked up

    @property
    def tap(self) -> str:
        """The tap device's name: at most 14 characters, derived, so that it can be found again."""
        return f"tap{self.port_id[:11]}"


@dataclass(frozen=True)
class HostCell:
    """A NUMA cell of a host: processors, by the host's numbers, and the memory next to them."""

    id: int
    cpus: tuple[int, ...]
    memory_mb: int
    siblings: tuple[tuple[int, ...], ...] = ()  # the threads of each core, where it has several
    pages: Mapping[str, int] = field(default_factory=dict)  # KiB of a large page → how many
    dedicated: tuple[int, ...] = ()  # of the processors those that one guest has to itself


@dataclass(frozen=True)
class HostDevice:
    """A PCI device of a host that a guest may have to itself."""

    address: str  # as 0000:81:00.0
    resource_class: str
    traits: tuple[str, ...] = ()


@dataclass(frozen=True)
class GuestCell:
    """A NUMA cell of a guest, and where on its host it is."""

    cpus: tuple[int, ...]  # by the guest's numbers
    memory_mb: int
    host: int  # the host's cell
    page_kib: int = 0  # the size of its memory's pages; 0: the usual
    pins: tuple[tuple[int, int], ...] = ()  # (the guest's processor, the host's that it has)
    shared: tuple[int, ...] = ()  # the host's processors among which its others run


@dataclass(frozen=True)
class GuestSpec:
    """All that a guest should be. Two equal specifications are the same guest."""

    id: str  # the server's uuid, and the domain's
    name: str  # OS-EXT-SRV-ATTR:instance_name, the domain's name
    generation: int  # grows with every move between hosts; a driver refuses an older one
    vcpus: int
    memory_mb: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    # "suspended": off, with what was in its memory kept on the host's disk.
    power: Literal["running", "shutoff", "paused", "suspended"] = "running"
    # How many times this guest has been asked to reboot. A driver that has seen fewer reboots it
    # once, in the manner named, and remembers the count with the guest.
    reboots: int = 0
    reboot: Literal["soft", "hard"] = "hard"
    # How many times it has been built anew. A driver that has made fewer throws the disks away and
    # makes them again, and remembers the count with the guest.
    builds: int = 0
    # A name under which the disks are set aside as they are when this is first asked, the guest
    # being off for that moment. What was set aside under any other name is dropped, except under
    # `back`: disks set aside under that name are put back first, in place of the present ones.
    kept: str = ""
    back: str = ""
    # Files of the config drive (path → content); empty: no drive. A path that ends in ;base64 has
    # its content so encoded, and is without that ending in the drive.
    config_drive: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)  # the image's hw_* properties
    # What the guest's processors look like to it; (): one socket each.
    topology: tuple[int, ...] = ()  # sockets, cores a socket, threads a core
    cells: tuple[GuestCell, ...] = ()  # (): its processors and memory are anywhere on the host
    realtime: tuple[int, ...] = ()  # those of its processors, all pinned, that run in real time
    devices: tuple[str, ...] = ()  # the host's PCI devices that it has to itself, by address


@dataclass(frozen=True)
class Observation:
    """What a driver found of one guest."""

    id: str
    power: Power
    generation: int = 0
    reboots: int = 0
    error: str = ""  # why the guest is not what was asked; a sentence for the server's fault


@dataclass(frozen=True)
class HostFacts:
    """What a host is and has. `accelerator` is "kvm", "tcg" or "simulated"."""

    hostname: str
    hypervisor_type: str  # "QEMU" or "simulated"
    hypervisor_version: int  # 7002000 for 7.2.0
    accelerator: str
    arch: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    cpu_model: str = ""
    traits: tuple[str, ...] = ()
    cells: tuple[HostCell, ...] = ()
    devices: tuple[HostDevice, ...] = ()


class ImageFiles(Protocol):
    """Where a driver finds the bytes of images."""

    def path(self, image_id: str) -> tuple[Path, str]:
        """A readable local file that holds the image, and its format ("qcow2" or "raw").

        Raises Refused when there is no such image.
        """
        ...


class DiskCopies(Protocol):
    """The ability of a driver to read a guest's disk as it is at one moment."""

    def copied(self, guest_id: str, disk: str) -> AbstractContextManager[Iterable[bytes]]:
        """The bytes of a qcow2 file of its own that holds what the guest's disk holds now.

        The guest goes on meanwhile. What the copy takes on the host is gone with the block, and
        with the guest; what a killed process left of one is gone with the next. Raises Refused
        when there is no such guest or disk, Busy and Broken.
        """
        ...


class DiskMoves(Protocol):
    """The ability of a driver to give a guest's disks to another host, and to take them over."""

    def leaving(self, guest_id: str, live: bool = False) -> Sequence[tuple[str, int]]:
        """Names and bytes of the files that hold the disks of a guest that is off.

        live: it may also run, of a driver that can hand it over. Raises Refused when there is no
        such guest, or when it is not off.
        """
        ...

    def read(self, guest_id: str, name: str) -> AbstractContextManager[Iterable[bytes]]:
        """The bytes of one of those files. Raises Refused, Broken."""
        ...

    def arrived(self, guest_id: str, move: str) -> bool:
        """Whether the disks of this move have been taken over."""
        ...

    def wants(self, spec: GuestSpec, name: str, size: int) -> bool:
        """Whether the file is needed from the other host; an image may be here already."""
        ...

    def arrive(
        self, spec: GuestSpec, move: str, files: Iterable[tuple[str, Iterable[bytes]]]
    ) -> None:
        """Take the disks over, all or none; iterating may raise, and then nothing is kept.

        What a killed process left of an earlier try is gone with the next, and with the guest.
        """
        ...


class GoesOnHere(Broken):
    """The guest that was to go on elsewhere goes on here: what has come there of it is stale."""


class Carry(Protocol):
    """Carries a connection to the other host of a live move."""

    def __call__(self, goal: str, near: socket.socket) -> None:
        """Join `near`, in the background, to what the other host's driver connects to as `goal`."""
        ...


class Connect(Protocol):
    """Connects to what a driver that takes a guest over has for the other one."""

    def __call__(self, goal: str) -> socket.socket:
        """The end of it that the other host's bytes go to. Raises Refused, OSError."""
        ...


@dataclass(frozen=True)
class Landing:
    """What a driver that takes over a running guest is given of it."""

    move: str
    files: Sequence[tuple[str, int]]  # that hold its disks at the other host: names and bytes
    definition: str  # what the other host's driver tells of it
    # The bytes of these files, in this order.
    fetch: Callable[[Sequence[str]], Iterable[tuple[str, Iterable[bytes]]]]
    # Lets the other host hand the guest over; it has stopped for good there once this returns.
    # The first argument says that all of the guest is here already. Raises GoesOnHere when the
    # other host goes on with it, Broken when that is not known.
    resume: Callable[[bool, Connect], None]


class HandOver(Protocol):
    """The ability of a driver to let a running guest go on at another host."""

    def definition(self, guest_id: str) -> str:
        """What the other host's driver must know of the guest. Raises Refused."""
        ...

    def hand_over(self, guest_id: str, generation: int, landed: bool, carry: Carry) -> None:
        """Give the guest to the other host and stop it here for good, so that it can go on there.

        From then on only a newer generation makes it run here again, whatever happens to the
        process. Twice is the same as once. landed: the other host has all of it already. Raises
        GoesOnHere when it runs here, Refused when it has another generation or was lost here,
        Busy and Broken. Whatever is raised, it has not been said that the guest is stopped.
        """
        ...

    def call_back(self, guest_id: str) -> None:
        """End a hand-over that is under way, either way, and return when it has ended.

        What it has carried to the other host ends before.
        """
        ...

    def handed(self, guest_id: str, generation: int) -> bool:
        """Whether the guest goes on elsewhere, as far as this generation knows."""
        ...

    def landed(self, guest_id: str, move: str) -> bool:
        """Whether all of the guest has come by this move, and it waits for the other host's word.

        It may then be all that there is of the guest.
        """
        ...

    def land(self, spec: GuestSpec, landing: Landing) -> None:
        """Take a running guest over: its disks and its memory. It stands still until `ensure`.

        `DiskMoves.arrived` is true afterwards. Taps of its nics exist before. Raises Busy, Refused,
        Broken; then it may be called again, for what has come of a guest that cannot go on at the
        other host any more is kept.
        """
        ...


class ComputeDriver(Protocol):
    """One host's hypervisor. Every call may be repeated; an absent thing is already removed."""

    name: str

    def facts(self) -> HostFacts:
        """What this host is and has now."""
        ...

    def ensure(self, spec: GuestSpec) -> Observation:
        """Make the guest what `spec` says and return what it then is.

        Taps of its nics exist before. Raises Busy, Refused or Broken (`pileus.core.backend`).
        """
        ...

    def remove(self, guest_id: str) -> None:
        """Destroy the guest with its disks, config drive, console log and definition."""
        ...

    def observe(self) -> Sequence[Observation]:
        """Every guest of ours that exists on this host."""
        ...

    def console_log(self, guest_id: str) -> bytes:
        """All that the guest has written to its serial console; empty when there is none."""
        ...


@runtime_checkable
class GuestFolders(Protocol):
    """What a driver can do that keeps guests' disks in folders of their own."""

    def folders(self) -> Mapping[str, Path]:
        """The folder of every guest that has one on this host, whether the guest is there or not.

        `ComputeDriver.remove` removes a folder though its guest is gone.
        """
        ...
