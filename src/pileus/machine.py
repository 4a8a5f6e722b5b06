"""This machine as a host: its drivers, real or simulated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .compute.driver import ComputeDriver, ImageFiles
from .config import Config
from .network.driver import HostNetwork, NetworkDriver

# (network id, caller's address, method, path, headers) → (status, content type, body)
MetadataAnswer = Callable[[str, str, str, str, Mapping[str, str]], tuple[int, str, bytes]]


@dataclass(frozen=True)
class Machine:
    """The drivers of one host, and the cloud-wide network driver."""

    compute: ComputeDriver
    network: NetworkDriver
    host_network: HostNetwork


def simulated(config: Config) -> Machine:
    """Drivers that simulate a host with room for plenty of guests."""
    from .compute.drivers.simulated import SimulatedCompute
    from .network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

    network = SimulatedNetwork()
    return Machine(
        compute=SimulatedCompute(hostname=config.host),
        network=network,
        host_network=SimulatedHostNetwork(network, host=config.host),
    )


def real(config: Config, images: ImageFiles, metadata: MetadataAnswer) -> Machine:
    """Drivers for libvirt and OVN, whose daemons are started where they do not run."""
    from .compute.drivers.libvirt import LibvirtCompute
    from .host import accelerator, libvirtd, ovn
    from .network.drivers.ovn import OvnNetwork
    from .network.drivers.ovs import OvsHostNetwork

    guests = libvirtd.Libvirtd(config.state)
    guests.start()
    fabric = ovn.Ovn(config.state, config.host, f"{config.external_gateway}/24")
    fabric.start()
    userspace = fabric.datapath == "netdev"
    verdict = accelerator.verdict(config.state)
    return Machine(
        compute=LibvirtCompute(
            guests.uri,
            config.state / "instances",
            images,
            verdict.name,
            userspace,
            config.host,
        ),
        network=OvnNetwork(fabric.northbound, fabric.southbound),
        host_network=OvsHostNetwork(fabric.ovsdb, fabric.bridge, metadata, userspace),
    )
