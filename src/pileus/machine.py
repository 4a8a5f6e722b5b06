"""This machine as a host: its drivers, real or simulated."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import agent, compute, image
from .compute.driver import ComputeDriver, DiskCopies, DiskMoves, HandOver, ImageFiles
from .compute.pci import spec
from .config import JOINED_VCPUS, SIMULATED_VCPUS, Config
from .core.backend import Broken, Busy, Refused
from .core.db import Database
from .core.errors import Conflict, NotFound
from .core.parts import Parts
from .host.chassis import LOOPBACK, Chassis, Tls
from .host.ovn import Ovn
from .host.place import Place
from .host.processors import parse
from .network.driver import HostNetwork, NetworkDriver

if TYPE_CHECKING:
    from .compute.drivers.libvirt import LibvirtCompute


class Upstairs:
    """What this host's drivers may ask of the control plane in the same process.

    The process may replace the app behind (`pileus reset`); the drivers keep this door to it.
    """

    def __init__(self) -> None:
        self._parts: Parts | None = None

    def bind(self, parts: Parts) -> None:
        """From now on these parts answer."""
        self._parts = parts

    def path(self, image_id: str) -> tuple[Path, str]:
        """The file and format of an image. Raises Refused when it is gone."""
        if self._parts is None:
            raise Refused("The image store is not open yet.")
        parts = self._parts
        disk_format = parts[Database].read(lambda tx: image.disk_format(tx, image_id))
        path = image.near(parts, image_id)
        if disk_format is None or path is None:
            raise Refused(f"Image {image_id} is not in the image store any more.")
        return path, disk_format

    def wants(self, image_id: str) -> bool:
        """Whether the image still waits for its bytes. Raises Refused when it is gone."""
        found = None if self._parts is None else image.wants(self._parts, image_id)
        if found is None:
            raise Refused(f"Image {image_id} was deleted before it had its bytes.")
        return found

    def send(self, image_id: str, pieces: Iterable[bytes]) -> None:
        """Hand the image's bytes over. Raises Busy, Refused, Broken."""
        if self._parts is None:
            raise Busy("The image store is not open yet.")
        try:
            image.receive(self._parts, image_id, pieces)
        except (Conflict, FileExistsError) as other:
            self.wants(image_id)  # raises when it is gone
            raise Busy(f"Image {image_id} cannot be stored now: {other}") from other
        except (image.Unsafe, NotFound) as wrong:
            raise Refused(str(wrong)) from wrong
        except OSError as problem:
            raise Broken(f"Image {image_id} cannot be stored: {problem}") from problem

    def metadata(
        self, network_id: str, caller: str, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        """The metadata service's answer to a guest: status, content type, body."""
        if self._parts is None:
            return 503, "text/plain", b"The control plane is not open yet.\n"
        return compute.metadata_answer(self._parts, network_id, caller, method, path, headers)


@dataclass(frozen=True, kw_only=True)
class HostMachine:
    """The drivers of a host that has joined: its network is ruled from the control plane."""

    compute: ComputeDriver
    copies: DiskCopies
    moves: DiskMoves
    hand_over: HandOver | None
    host_network: HostNetwork
    # Starts again what of this host's daemons has died; does nothing while all of them live.
    mend: Callable[[], None] = lambda: None
    # Takes the network from the southbound database at this address.
    follow: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, kw_only=True)
class Machine(HostMachine):
    """The drivers of the control plane's own host, and the cloud-wide network driver."""

    network: NetworkDriver
    upstairs: Upstairs = field(default_factory=Upstairs)
    fabric: Ovn | None = None  # OVN's databases, where they are on this host


def simulated(config: Config) -> Machine:
    """Drivers that simulate a host with room for plenty of guests."""
    from .compute.drivers.simulated import SimulatedCompute
    from .compute.drivers.simulated_cells import even_cells
    from .network.drivers.journal import Journal
    from .network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

    upstairs = Upstairs()
    # On a database of its own a cloud may have several processes, each with a host.
    file = config.shared / "simulated-network.jsonl"
    network = SimulatedNetwork(journal=Journal(file) if config.database else None)
    guests = SimulatedCompute(
        config.host,
        upstairs,
        # Room for thousands of servers: what is simulated costs nothing.
        vcpus=SIMULATED_VCPUS,
        memory_mb=4 << 20,
        disk_gb=1 << 20,
        cells=even_cells(SIMULATED_VCPUS, 4 << 20, config.dedicated_cpus),
        devices=spec.simulated(spec.parse(config.pci_device_spec)),
        file=config.state / "simulated-guests.jsonl",
    )
    return Machine(
        compute=guests,
        copies=guests,
        moves=guests,
        hand_over=guests,
        network=network,
        host_network=SimulatedHostNetwork(config.host, network, upstairs.metadata),
        upstairs=upstairs,
    )


def simulated_host(
    name: str,
    upstairs: agent.Upstairs,
    file: Path | None,
    vcpus: int = JOINED_VCPUS,
    memory_gb: int = 256,
    dedicated_cpus: str = "",
    pci_device_spec: str = "",
) -> HostMachine:
    """Drivers that simulate a host of its own. `file` keeps its guests over a restart."""
    from .compute.drivers.simulated import SimulatedCompute
    from .compute.drivers.simulated_cells import even_cells
    from .network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

    guests = SimulatedCompute(
        name,
        upstairs,
        vcpus=vcpus,
        memory_mb=memory_gb << 10,
        disk_gb=4096,
        cells=even_cells(vcpus, memory_gb << 10, dedicated_cpus),
        devices=spec.simulated(spec.parse(pci_device_spec)),
        file=file,
    )
    return HostMachine(
        compute=guests,
        copies=guests,
        moves=guests,
        hand_over=guests,
        host_network=SimulatedHostNetwork(name, SimulatedNetwork(), upstairs.metadata),
    )


def real(config: Config) -> Machine:
    """Drivers for libvirt and OVN, whose daemons are started where they do not run.

    Raises HostError.
    """
    from .network.drivers.ovn import OvnNetwork
    from .network.drivers.ovs import OvsHostNetwork

    prefix = ipaddress.ip_network(config.external_cidr).prefixlen
    external = f"{config.external_gateway}/{prefix}"
    encap = config.tunnel_address or LOOPBACK
    fabric = Ovn(config.state, config.host, external, encap_ip=encap)
    upstairs = Upstairs()
    own = (config.dedicated_cpus, config.pci_device_spec)
    guests, mend = _libvirt(config.state, config.host, upstairs, fabric, *own)
    return Machine(
        compute=guests,
        copies=guests,
        moves=guests,
        hand_over=guests.live,
        network=OvnNetwork(fabric.northbound, fabric.southbound),
        host_network=OvsHostNetwork(
            fabric.switch.remote, fabric.integration, upstairs.metadata, _userspace(fabric)
        ),
        upstairs=upstairs,
        mend=mend,
        fabric=fabric,
    )


def real_host(identity: agent.Identity, upstairs: agent.Upstairs) -> HostMachine:
    """Drivers for a host that has joined, whose daemons are started where they do not run.

    Raises HostError.
    """
    from .network.drivers.ovs import OvsHostNetwork

    fabric = chassis(identity)
    own = (identity.dedicated_cpus, identity.pci_device_spec)
    guests, mend = _libvirt(identity.state, identity.name, upstairs, fabric, *own)
    return HostMachine(
        compute=guests,
        copies=guests,
        moves=guests,
        hand_over=guests.live,
        host_network=OvsHostNetwork(
            fabric.switch.remote, fabric.integration, upstairs.metadata, _userspace(fabric)
        ),
        mend=mend,
        follow=fabric.follow,
    )


def _libvirt(
    state: Path,
    host: str,
    images: ImageFiles,
    fabric: Ovn | Chassis,
    dedicated_cpus: str,
    pci_device_spec: str,
) -> "tuple[LibvirtCompute, Callable[[], None]]":
    """Start libvirt and the network; the driver, and what starts both again."""
    from .compute.drivers.connection import look_at_emulators
    from .compute.drivers.libvirt import LibvirtCompute
    from .host import accelerator
    from .host.images import tiny
    from .host.images.cache import default_cache
    from .host.libvirtd import Libvirtd

    guests = Libvirtd(state)
    guests.start()
    fabric.start()
    verdict = accelerator.verdict(state, lambda: tiny.build(default_cache()))
    look_at_emulators(guests.uri)

    def mend() -> None:
        guests.start()
        if not fabric.running():
            fabric.start()

    driver = LibvirtCompute(
        guests.uri,
        state / "instances",
        images,
        verdict.accelerator,
        _userspace(fabric),
        host,
        dedicated=parse(dedicated_cpus) if dedicated_cpus else (),
        specs=spec.parse(pci_device_spec),
    )
    return driver, mend


def _userspace(fabric: Ovn | Chassis) -> bool:
    return fabric.switch.datapath == "netdev"


def chassis(identity: agent.Identity) -> Chassis:
    """The network of a host that has joined."""
    # OVN lets a controller change only the host that its certificate names: this one's UUID.
    tls = Tls(identity.certificate, identity.certificate, identity.authority)
    return Chassis(
        Place(identity.state), identity.id, identity.name, identity.tunnel_address, tls=tls
    )
