"""What a host says of itself, by the names that operators ask for it by."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...host import ComputeHost


def facts(host: ComputeHost) -> Mapping[str, Any]:
    """Values by name; cpu_info is a map of its own."""
    return {
        "host": host.host,
        "hypervisor_hostname": host.hostname,
        "hypervisor_type": host.hypervisor_type,
        "hypervisor_version": host.hypervisor_version,
        "vcpus_total": host.vcpus,
        "total_usable_ram_mb": host.memory_mb,
        "total_usable_disk_gb": host.disk_gb,
        "cpu_info": {
            "arch": host.arch,
            "model": host.cpu_model,
            "accelerator": host.accelerator,
        },
        "traits": sorted(host.traits),
    }


def value_of(host: ComputeHost, path: Sequence[str]) -> str | None:
    """The fact of this path, such as cpu_info, arch; None where the host says nothing of it."""
    found: Any = facts(host)
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return None if isinstance(found, Mapping) else str(found)
