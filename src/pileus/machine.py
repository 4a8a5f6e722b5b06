"""This machine as a host: its drivers, real or simulated."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import compute, image
from .compute.driver import ComputeDriver
from .config import Config
from .core.backend import Refused
from .core.db import Database
from .core.parts import Parts
from .network.driver import HostNetwork, NetworkDriver


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
        path = parts[image.ImageStore].path(image_id)
        if disk_format is None or not path.exists():
            raise Refused(f"Image {image_id} is not in the image store any more.")
        return path, disk_format

    def metadata(
        self, network_id: str, caller: str, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        """The metadata service's answer to a guest: status, content type, body."""
        if self._parts is None:
            return 503, "text/plain", b"The control plane is not open yet.\n"
        return compute.metadata_answer(self._parts, network_id, caller, method, path, headers)


@dataclass(frozen=True)
class Machine:
    """The drivers of one host, and the cloud-wide network driver."""

    compute: ComputeDriver
    network: NetworkDriver
    host_network: HostNetwork
    upstairs: Upstairs = field(default_factory=Upstairs)
    # Starts again what of this host's daemons has died; does nothing while all of them live.
    mend: Callable[[], None] = lambda: None


def simulated(config: Config) -> Machine:
    """Drivers that simulate a host with room for plenty of guests."""
    from .compute.drivers.simulated import SimulatedCompute
    from .network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

    upstairs = Upstairs()
    network = SimulatedNetwork()
    return Machine(
        compute=SimulatedCompute(
            config.host,
            upstairs,
            # Room for thousands of servers: what is simulated costs nothing.
            vcpus=1024,
            memory_mb=4 << 20,
            disk_gb=1 << 20,
            file=config.state / "simulated-guests.jsonl",
        ),
        network=network,
        host_network=SimulatedHostNetwork(config.host, network, upstairs.metadata),
        upstairs=upstairs,
    )


def real(config: Config) -> Machine:
    """Drivers for libvirt and OVN, whose daemons are started where they do not run."""
    from .compute.drivers.connection import look_at_emulators
    from .compute.drivers.libvirt import LibvirtCompute
    from .host import accelerator
    from .host.images import tiny
    from .host.images.cache import default_cache
    from .host.libvirtd import Libvirtd
    from .host.ovn import Ovn
    from .network.drivers.ovn import OvnNetwork
    from .network.drivers.ovs import OvsHostNetwork

    guests = Libvirtd(config.state)
    guests.start()
    prefix = ipaddress.ip_network(config.external_cidr).prefixlen
    fabric = Ovn(config.state, config.host, f"{config.external_gateway}/{prefix}")
    fabric.start()
    userspace = fabric.datapath == "netdev"
    verdict = accelerator.verdict(config.state, lambda: tiny.build(default_cache()))
    look_at_emulators(guests.uri)
    upstairs = Upstairs()

    def mend() -> None:
        guests.start()
        if not fabric.running():
            fabric.start()

    return Machine(
        compute=LibvirtCompute(
            guests.uri,
            config.state / "instances",
            upstairs,
            verdict.accelerator,
            userspace,
            config.host,
        ),
        network=OvnNetwork(fabric.northbound, fabric.southbound),
        host_network=OvsHostNetwork(
            fabric.switch_remote, fabric.integration, upstairs.metadata, userspace
        ),
        upstairs=upstairs,
        mend=mend,
    )
