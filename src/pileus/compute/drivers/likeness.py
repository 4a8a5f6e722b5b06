"""A definition by which a guest that runs elsewhere finds its devices where it knows them.

libvirt gives devices their addresses in the order in which they come, so a guest that got one while
it ran has it elsewhere than one that is made anew. Only addresses, the machine's version and the
controllers are taken from the other host's definition, and of these only what has the right form;
all that names something of a host is this host's own.
"""

import re
import xml.etree.ElementTree as ET

from pileus.core.backend import Refused

_LARGEST = 60_000  # characters
_WORD = re.compile(r"[A-Za-z0-9._-]{1,40}")
_PLACE = {
    *("type", "domain", "bus", "slot", "function", "multifunction"),
    *("controller", "target", "unit", "port", "iobase", "irq"),
}
_CONTROLLER = {"type", "index", "model", "ports"}
_PART = {"name", "chassisNr", "chassis", "port", "busNr", "hotplug"}
_BUSES = {"pci", "ide", "sata", "scsi", "usb", "virtio-serial"}


def like(xml: str, other: str) -> str:
    """The definition `xml` with devices where `other`, of the same guest, has them.

    Raises Refused when `other` is not a definition.
    """
    ET.register_namespace("pileus", "https://pileus.invalid/xmlns/guest/1")
    try:
        if len(other) > _LARGEST:
            raise ValueError("it is too long")
        if "<!" in other:
            raise ValueError("it declares entities")  # which could grow without end
        theirs = ET.fromstring(other)  # noqa: S314
    except (ET.ParseError, ValueError) as error:
        raise Refused(f"The other host's definition of the guest cannot be read: {error}") from None
    own = ET.fromstring(xml)  # noqa: S314
    machine, known = own.find("os/type"), theirs.find("os/type")
    if machine is not None and known is not None:
        version = known.get("machine", "")
        if _WORD.fullmatch(version):
            machine.set("machine", version)
    devices, others = own.find("devices"), theirs.find("devices")
    if devices is None or others is None:
        raise Refused("The other host's definition of the guest has no devices.")
    found = _keyed(others)
    for key, device in _keyed(devices).items():
        address = None if key not in found else found[key].find("address")
        if address is not None:
            _copy(device, address, _PLACE)
    mine = _keyed(devices)
    for key, device in found.items():
        if device.tag == "controller" and key not in mine and device.get("type") in _BUSES:
            made = _copy(devices, device, _CONTROLLER)
            for part in device:
                if part.tag in ("model", "target"):
                    _copy(made, part, _PART)
                elif part.tag == "address":
                    _copy(made, part, _PLACE)
    return ET.tostring(own, encoding="unicode")


def _copy(parent: ET.Element, element: ET.Element, names: set[str]) -> ET.Element:
    """Put an element like this into `parent`, with what of its attributes has the right form."""
    right = {k: v for k, v in element.attrib.items() if k in names and _WORD.fullmatch(v)}
    return ET.SubElement(parent, element.tag, right)


def _keyed(devices: ET.Element) -> dict[tuple[str, ...], ET.Element]:
    """Devices by what tells one of a kind from another."""
    found: dict[tuple[str, ...], ET.Element] = {}
    for device in devices:
        mac, target = device.find("mac"), device.find("target")
        key: tuple[str, ...]
        if device.tag == "controller":
            key = (device.get("type", ""), device.get("index", "0"))
        elif mac is not None:
            key = (mac.get("address", "").lower(),)
        elif device.tag == "disk" and target is not None:
            key = (target.get("dev", ""),)
        else:
            key = (str(sum(known[0] == device.tag for known in found)),)
        found[device.tag, *key] = device
    return found
