"""The properties of images that say what a guest's hardware is.

What a guest cannot do without and no driver here can give is refused when a server is asked for,
rather than left out. Properties that only make a guest nicer (hw_qemu_guest_agent,
hw_vif_multiqueue_enabled, …) are left out in silence: images are shared between clouds.
"""

import re
from collections.abc import Mapping

from ..core.errors import BadRequest

# Property → the values that guests here can have.
CHOICES: Mapping[str, re.Pattern[str]] = {
    "hw_disk_bus": re.compile("virtio|scsi|ide|sata"),
    "hw_machine_type": re.compile(r"(pc|q35)(-[a-z0-9.]+)*"),
    "hw_rng_model": re.compile("virtio"),
    "hw_video_model": re.compile("vga|virtio|cirrus|qxl|bochs|none"),
    "hw_vif_model": re.compile("virtio|e1000|e1000e|rtl8139|pcnet|ne2k_pci|vmxnet3"),
}
_NO = re.compile("(?i)false|no|0|off")
_NEEDED: Mapping[str, re.Pattern[str]] = {
    **CHOICES,
    "hw_firmware_type": re.compile("bios"),
    "os_secure_boot": re.compile("disabled|optional"),
    "hw_mem_encryption": _NO,
    "hw_locked_memory": _NO,
    "hw_cpu_realtime": _NO,
    "hw_cpu_policy": re.compile("shared|dedicated|mixed"),
    "hw_cpu_thread_policy": re.compile("prefer|isolate|require"),
    "hw_tpm_version": re.compile("(?!)"),
    "hw_tpm_model": re.compile("(?!)"),
    "hw_emulator_threads_policy": re.compile("(?!)"),
    "hw_pci_numa_affinity_policy": re.compile("(?!)"),
}


def check(properties: Mapping[str, str]) -> None:
    """Raises BadRequest for hardware that no guest here can have."""
    for key, right in _NEEDED.items():
        value = properties.get(key)
        if value is None or right.fullmatch(value):
            continue
        known = right.pattern.removeprefix("(?i)")
        can = "no guest here can have that" if known == "(?!)" else f"guests here can have {known}"
        raise BadRequest(f"The image's property {key} is {value[:80]!r}: {can}.")
