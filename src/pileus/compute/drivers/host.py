"""What a host has, as libvirt tells it."""

from collections.abc import Collection
from typing import Any

from pileus.compute.driver import HostFacts
from pileus.compute.drivers.cells import host_cells
from pileus.compute.pci.spec import DeviceSpec, chosen
from pileus.host import pci


def host_facts(
    connection: Any,
    hostname: str,
    accelerator: str,
    disk_gb: int,
    dedicated: Collection[int] = (),
    specs: Collection[DeviceSpec] = (),
) -> HostFacts:
    """The host's size and hypervisor. Raises libvirt's own errors, and Refused.

    dedicated: the processors of which a guest may have some to itself, where they run in hardware.
    specs: the devices that guests may have.
    """
    arch, _, vcpus, *_ = connection.getInfo()
    # getInfo counts only the memory of NUMA cells that libvirt recognises.
    memory_mb = connection.getMemoryStats(-1)["total"] >> 10
    return HostFacts(
        hostname=hostname,
        hypervisor_type="QEMU",
        hypervisor_version=connection.getVersion(),
        accelerator=accelerator,
        arch=arch,
        vcpus=vcpus,
        memory_mb=memory_mb,
        disk_gb=disk_gb,
        cpu_model="Nehalem" if accelerator == "tcg" else "host-passthrough",
        traits=("COMPUTE_IMAGE_TYPE_QCOW2", "COMPUTE_IMAGE_TYPE_RAW"),
        # A processor that is emulated is no thread of its own, and cannot have one of the host's.
        cells=host_cells(connection.getCapabilities(), dedicated if accelerator == "kvm" else ()),
        devices=chosen(specs, pci.devices()) if specs else (),
    )
