"""What a server asks of its host: amounts of resource classes, and traits.

The flavor says most of it, by its size and its extra specs; the image may ask for more.
"""

import re
from collections.abc import Mapping
from typing import Any

Image = Mapping[str, str]

_RESOURCE = re.compile(r"resources:([A-Z0-9_]+)")
_TRAIT = re.compile(r"trait:([A-Z0-9_]+)")
_NONE: Image = {}


def needs(flavor: Mapping[str, Any], root_gb: int = 0, image: Image = _NONE) -> dict[str, int]:
    """What a server of this flavor and image takes of its host, by resource class.

    root_gb: the root disk's size where the flavor leaves it to the image. `resources:CLASS` among
    the extra specs says otherwise than the size does; 0 takes nothing of that class.
    """
    disk = (flavor["disk"] or root_gb) + flavor["ephemeral"] + -(-flavor["swap"] // 1024)
    processors = "PCPU" if dedicated(flavor, image) else "VCPU"
    found = {processors: flavor["vcpus"], "MEMORY_MB": flavor["ram"], "DISK_GB": disk}
    for key, value in flavor.get("extra_specs", {}).items():
        named = _RESOURCE.fullmatch(key)
        if named and value.isascii() and value.isdigit():
            found[named[1]] = int(value)
    return {name: amount for name, amount in found.items() if amount}


def dedicated(flavor: Mapping[str, Any], image: Image = _NONE) -> bool:
    """Whether each of the guest's processors has one of the host's to itself."""
    asked = flavor.get("extra_specs", {}).get("hw:cpu_policy") or image.get("hw_cpu_policy")
    return bool(asked == "dedicated")


def traits(
    flavor: Mapping[str, Any], image: Image = _NONE
) -> tuple[frozenset[str], frozenset[str]]:
    """The traits that the host must have, and those that it must not have."""
    asked = [(flavor.get("extra_specs", {}), ("required", "forbidden")), (image, ("required",))]
    found: dict[str, set[str]] = {"required": set(), "forbidden": set()}
    for given, words in asked:
        for key, value in given.items():
            named = _TRAIT.fullmatch(key)
            if named and value in words:
                found[value].add(named[1])
    return frozenset(found["required"]), frozenset(found["forbidden"])
