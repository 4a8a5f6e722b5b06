"""Which of a host's devices guests may have, in the words of nova's `[pci] device_spec`."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ... import placement
from ..driver import HostDevice

_ID = re.compile("[0-9a-f]{4}")
_ADDRESS = re.compile(r"([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_PARTS = re.compile(r"[0-9a-f*?:.]{1,40}")
_WORDS = ("vendor_id", "product_id", "address", "resource_class", "traits")


@dataclass(frozen=True)
class DeviceSpec:
    """Devices that are alike to whoever asks for them; "" is any."""

    vendor_id: str = ""
    product_id: str = ""
    address: str = ""  # with * for any part
    resource_class: str = ""
    traits: tuple[str, ...] = ()

    def takes(self, address: str, vendor: str, product: str) -> bool:
        """Whether the device is one of these."""
        return (
            self.vendor_id in ("", vendor)
            and self.product_id in ("", product)
            and (not self.address or fnmatchcase(address, self.address))
        )


def parse(text: str) -> tuple[DeviceSpec, ...]:
    """The specs of a JSON object, or of a list of them; "" holds none. Raises ValueError."""
    if not text:
        return ()
    try:
        found = json.loads(text)
    except ValueError as wrong:
        raise ValueError(f"{text[:80]!r} is no JSON: {wrong}") from None
    return tuple(_spec(one) for one in (found if isinstance(found, list) else [found]))


def _spec(given: Any) -> DeviceSpec:
    one = words(given, _WORDS)
    if not any(one.get(key) for key in ("vendor_id", "product_id", "address")):
        raise ValueError("a device is named by vendor_id, product_id or address")
    address = one.get("address", "").lower()
    if address and not _PARTS.fullmatch(address):
        raise ValueError(f"address is {address[:40]!r} and must be as 0000:81:00.0, or 0000:81:*.*")
    return DeviceSpec(
        vendor_id=number("vendor_id", one.get("vendor_id", "")),
        product_id=number("product_id", one.get("product_id", "")),
        address=f"0000:{address}" if address.count(":") == 1 else address,
        resource_class=class_name(one.get("resource_class", "")),
        traits=trait_names(one.get("traits", "")),
    )


def words(given: Any, known: Iterable[str]) -> Mapping[str, str]:
    """The map from these words to texts. Raises ValueError."""
    if not isinstance(given, dict):
        raise ValueError(f"{str(given)[:80]} is no map")
    for key, value in given.items():
        if key not in known:
            raise ValueError(f"{str(key)[:80]!r} means nothing here; these do: {', '.join(known)}")
        if not isinstance(value, str):
            raise ValueError(f"{key} must be a text, not {value!r:.80}")
    return given


def number(key: str, text: str) -> str:
    """A vendor or a product, four hexadecimal digits; "" and * are any. Raises ValueError."""
    found = text.lower().removeprefix("0x")
    if found in ("", "*"):
        return ""
    if not _ID.fullmatch(found):
        raise ValueError(f"{key} is {text[:40]!r} and must be four hexadecimal digits")
    return found


def class_name(text: str) -> str:
    """A resource class by the name that an operator gives: FPGA, CUSTOM_GPU, or gpu for that."""
    return _named(text, placement.standard_classes())


def trait_names(text: str) -> tuple[str, ...]:
    """The traits of a list with commas, by the names that an operator gives."""
    given = [one.strip() for one in text.split(",") if one.strip()]
    return tuple(sorted({_named(one, placement.standard_traits()) for one in given}))


def _named(text: str, standard: Iterable[str]) -> str:
    name = re.sub("[^A-Z0-9_]+", "_", text.upper()).strip("_")
    if not name or name in standard:
        return name
    return name if name.startswith("CUSTOM_") else f"CUSTOM_{name}"


def usual_class(vendor: str, product: str) -> str:
    """The resource class of devices that nobody has named otherwise."""
    return f"CUSTOM_PCI_{vendor}_{product}".upper()


def chosen(
    specs: Iterable[DeviceSpec], found: Iterable[tuple[str, str, str]]
) -> tuple[HostDevice, ...]:
    """Those of the devices that one of the specs names; the first that does says what it is."""
    specs = list(specs)
    devices = []
    for address, vendor, product in found:
        spec = next((one for one in specs if one.takes(address, vendor, product)), None)
        if spec is not None:
            kind = spec.resource_class or usual_class(vendor, product)
            devices.append(HostDevice(address, kind, spec.traits))
    return tuple(devices)


def simulated(specs: Iterable[DeviceSpec]) -> tuple[HostDevice, ...]:
    """A device for each spec: a simulated host has whatever is named in full. Raises ValueError."""
    specs = list(specs)
    for one in specs:
        if not (one.vendor_id and one.product_id and _ADDRESS.fullmatch(one.address)):
            raise ValueError(
                "a simulated host has the devices that vendor_id, product_id and a whole address,"
                " such as 0000:81:00.0, name"
            )
    return chosen(specs, [(one.address, one.vendor_id, one.product_id) for one in specs])
