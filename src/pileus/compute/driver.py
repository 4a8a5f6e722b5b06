"""What the compute service asks of a hypervisor.

A driver makes one host's guests match the specifications that it is given. It keeps no state of
its own beyond the hypervisor's, and never sees a row, a request or the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Power = Literal["running", "shutoff", "paused", "crashed", "absent"]


@dataclass(frozen=True)
class Disk:
    """One disk of a guest, in the order in which the guest sees them.

    `image` names the image whose bytes the disk starts with; None makes an empty disk.
    """

    name: str  # "disk" (the root disk), "disk.eph0", "disk.swap": also the overlay's file name
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
class GuestSpec:
    """All that a guest should be. Two equal specifications are the same guest."""

    id: str  # the server's uuid, and the domain's
    name: str  # OS-EXT-SRV-ATTR:instance_name, the domain's name
    generation: int  # grows with every move between hosts; a driver refuses an older one
    vcpus: int
    memory_mb: int
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    power: Literal["running", "shutoff", "paused"] = "running"
    # How many times this guest has been asked to reboot. A driver that has seen fewer reboots it
    # once, in the manner named, and remembers the count with the guest.
    reboots: int = 0
    reboot: Literal["soft", "hard"] = "hard"
    # Files of the config drive (path → content); empty: no drive. A path that ends in ;base64 has
    # its content so encoded, and is without that ending in the drive.
    config_drive: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)  # the image's hw_* properties


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


class ImageFiles(Protocol):
    """Where a driver finds the bytes of images."""

    def path(self, image_id: str) -> tuple[Path, str]:
        """A readable local file that holds the image, and its format ("qcow2" or "raw").

        Raises Refused when there is no such image.
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
