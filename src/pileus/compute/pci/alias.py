"""Names by which flavors ask for devices, in the words of nova's `[pci] alias`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import BadRequest
from .spec import class_name, number, trait_names, usual_class, words

KEY = "pci_passthrough:alias"
_WORDS = ("name", "vendor_id", "product_id", "resource_class", "traits")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_ASKED = re.compile(r"\s*([^:,\s]+)\s*:\s*([0-9]{1,4})\s*")
_MOST = 64  # devices of one guest


@dataclass(frozen=True)
class Alias:
    """Devices of this class and with these traits."""

    name: str
    resource_class: str
    traits: tuple[str, ...] = ()


def read(given: Any) -> tuple[Alias, ...]:
    """The aliases of a list of maps, or of one map. Raises ValueError."""
    found = [_alias(one) for one in (given if isinstance(given, list) else [given])]
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"there are two aliases {', '.join(twice)}")
    return tuple(found)


def _alias(given: Any) -> Alias:
    one = words(given, _WORDS)
    name = one.get("name", "")
    if not _NAME.fullmatch(name):
        raise ValueError(f"an alias has a name of letters, digits, _, . and -, not {name[:40]!r}")
    kind = class_name(one.get("resource_class", ""))
    vendor = number("vendor_id", one.get("vendor_id", ""))
    product = number("product_id", one.get("product_id", ""))
    if not kind and not (vendor and product):
        raise ValueError(f"alias {name} needs a resource_class, or vendor_id and product_id")
    return Alias(name, kind or usual_class(vendor, product), trait_names(one.get("traits", "")))


def resolved(flavor: Mapping[str, Any], aliases: Collection[Alias]) -> dict[str, Any]:
    """The flavor with the devices that it asks for, so that a server keeps what they meant.

    Raises BadRequest for an alias that there is not.
    """
    asked = flavor["extra_specs"].get(KEY)
    if asked is None:
        return dict(flavor)
    known = {one.name: one for one in aliases}
    devices, total = list[dict[str, Any]](), 0
    for part in asked.split(","):
        named = _ASKED.fullmatch(part)
        if named is None:
            raise BadRequest(f"The flavor's {KEY} is {asked[:80]!r} and must be as gpu:1,nic:2.")
        alias, count = known.get(named[1]), int(named[2])
        if alias is None:
            raise BadRequest(f"PCI alias {named[1][:80]} is not defined.")
        if count:
            one = {"alias": alias.name, "count": count, "class": alias.resource_class}
            devices.append(one | {"traits": list(alias.traits)})
            total += count
    if total > _MOST:
        raise BadRequest(f"The flavor's {KEY} asks for more than {_MOST} devices.")
    return {**flavor, "devices": devices}
