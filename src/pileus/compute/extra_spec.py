"""Which extra specs a flavor may have.

Keys of the namespaces below have a meaning: one that nothing here can keep is refused, so that no
flavor promises what its servers do not get. From microversion 2.86 their values are checked, and
keys that mean nothing are refused; keys of other namespaces are their operator's own.
"""

import re
from collections.abc import Mapping

from ..core.errors import BadRequest
from ..core.types import Version

_CHECKED = (2, 86)
_CPUS = (r"\^?[0-9]+(-[0-9]+)?(,\^?[0-9]+(-[0-9]+)?)*", "processors' numbers, such as 0-3,^2")
_COUNT = (r"0*[1-9][0-9]{0,8}", "a whole number from 1 on")
_AMOUNT = (r"[0-9]{1,10}", "a whole number from 0 on")
_ANY = (r"(?s).*", "")

# Key → what its value must be, as a pattern and in words.
_KNOWN: Mapping[str, tuple[str, str]] = {
    r"aggregate_instance_extra_specs:.+": _ANY,
    r"capabilities:.+": _ANY,
    r"hw:cpu_policy": ("shared|dedicated|mixed", "shared, dedicated or mixed"),
    r"hw:cpu_(dedicated|realtime)_mask": _CPUS,
    r"hw:cpu_realtime": ("(?i)yes|true|on|1|y|t|no|false|off|0|n|f", "yes or no"),
    r"hw:cpu_thread_policy": ("prefer|isolate|require", "prefer, isolate or require"),
    r"hw:cpu_(sockets|cores|threads)": _COUNT,
    r"hw:(cpu_max|max_cpu)_(sockets|cores|threads)": _COUNT,
    r"hw:mem_page_size": (
        r"large|small|any|[0-9]+([kKMGT]i?)?(b|bit|B)?",
        "large, small, any or a size such as 2MB",
    ),
    r"hw:numa_nodes": _COUNT,
    r"hw:numa_cpus\.[0-9]+": _CPUS,
    r"hw:numa_mem\.[0-9]+": _COUNT,
    r"hw_rng:allowed": ("(?i)true|yes|1", "True: every guest has a source of randomness"),
    r"pci_passthrough:alias": (
        r"\s*[^:,\s]+\s*:\s*[0-9]{1,4}\s*(,\s*[^:,\s]+\s*:\s*[0-9]{1,4}\s*)*",
        "aliases and how many of each, such as gpu:1,nic:2",
    ),
    r"group_policy": ("none|isolate", "none or isolate"),
    r"resources([A-Za-z0-9_-]{1,64})?:[A-Z0-9_]+": _AMOUNT,
    r"trait([A-Za-z0-9_-]{1,64})?:[A-Z0-9_]+": ("required|forbidden", "required or forbidden"),
}
# What classic clouds know and nothing here can keep: key → why, or what to use instead.
_NOT_HERE: Mapping[str, str] = {
    r"pci_passthrough:.*": "devices are asked for by pci_passthrough:alias",
    r"hw:emulator_threads_policy": (
        "QEMU's own threads run on the guest's processors, in real time on those that are not"
    ),
    r"hw:(mem_encryption|mem_encryption_model|pmem|locked_memory)": (
        "no driver here encrypts, locks or keeps a guest's memory"
    ),
    r"hw:(tpm_model|tpm_version|tpm_secret_security)|os:secure_boot": (
        "no driver here gives guests a TPM or secure boot"
    ),
    r"hw:(boot_menu|hide_hypervisor_id|pmu|serial_port_count|watchdog_action|viommu_model"
    r"|maxphysaddr_mode|maxphysaddr_bits|input_bus|virtio_packed_ring|vif_multiqueue_enabled"
    r"|pci_numa_affinity_policy|sound_model|usb_model|redirected_usb_ports)"
    r"|hide_hypervisor_id|hw_rng:.*|hw_video:.*|os:.*": "guests' hardware here has no such choice",
    r"quota:.*": "no driver here limits guests by quota: extra specs",
    r"(accel|vmware|powervm|zvm):.*": "it is for a driver that is not here",
}
_NAMESPACES = (
    "accel",
    "aggregate_instance_extra_specs",
    "capabilities",
    "hw",
    "hw_rng",
    "hw_video",
    "os",
    "pci_passthrough",
    "powervm",
    "quota",
    "vmware",
    "zvm",
)
_NAMESPACE = re.compile("|".join([*_NAMESPACES, "resources.*", "trait.*"]))


def check(key: str, value: str, version: Version) -> None:
    """Raises BadRequest for an extra spec that no server can have, or that is none."""
    for pattern, (right, words) in _KNOWN.items():
        if re.fullmatch(pattern, key):
            if version >= _CHECKED and not re.fullmatch(right, value):
                raise BadRequest(
                    f"Validation failed; the extra spec {key} is {value[:80]!r} and must be"
                    f" {words}."
                )
            return
    for pattern, why in _NOT_HERE.items():
        if re.fullmatch(pattern, key):
            raise _refused(key, why)
    space, colon, _ = key.partition(":")
    if version >= _CHECKED and colon and _NAMESPACE.fullmatch(space):
        raise BadRequest(f"Validation failed; there is no extra spec {key[:255]!r}.")


def _refused(key: str, why: str) -> BadRequest:
    return BadRequest(f"The extra spec {key[:255]} cannot be kept here: {why}.")
