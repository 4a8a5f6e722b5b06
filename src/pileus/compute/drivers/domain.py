"""The libvirt domain that a guest's specification describes."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pileus.compute.driver import GuestSpec, Nic
from pileus.compute.drivers.cells import add_cells
from pileus.compute.drivers.mark import NAMESPACE, PREFIX, Mark
from pileus.compute.drivers.overlay import RESCUE, Overlay
from pileus.compute.image_property import CHOICES
from pileus.core.backend import Refused

_OFF = {"csum": "off", "tso4": "off", "tso6": "off", "ecn": "off", "ufo": "off"}
_UNWRITABLE = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PCI = re.compile(r"([0-9a-f]{4}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
_SOCKET_PATH = 107  # what the kernel takes as the path of a unix socket


@dataclass(frozen=True)
class Shape:
    """What the host adds to a specification."""

    accelerator: str
    userspace_datapath: bool
    folder: Path  # the guest's
    overlays: Sequence[Overlay]
    config_drive: Path | None
    floating: str = ""  # the host's processors for guests that have none of their own; "": any


def domain_xml(spec: GuestSpec, mark: Mark, shape: Shape) -> str:
    """The domain's definition. Raises Refused for properties that no guest here can have."""
    ET.register_namespace(PREFIX, NAMESPACE)
    machine = _one_of(spec.properties, "hw_machine_type", "pc")
    domain = ET.Element("domain", type="kvm" if shape.accelerator == "kvm" else "qemu")
    _text(domain, "name", spec.name)
    _text(domain, "uuid", spec.id)
    ET.SubElement(ET.SubElement(domain, "metadata"), f"{{{NAMESPACE}}}guest", mark.attributes())
    _text(domain, "memory", str(spec.memory_mb), unit="MiB")
    _text(domain, "vcpu", str(spec.vcpus))
    _smbios(domain, spec.id)
    os = ET.SubElement(domain, "os")
    _text(os, "type", "hvm", arch="x86_64", machine=machine)
    rescue = any(overlay.disk.name == RESCUE for overlay in shape.overlays)
    if not rescue:
        ET.SubElement(os, "boot", dev="hd")
    ET.SubElement(os, "smbios", mode="sysinfo")
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    cpu, emulated = _cpu(domain, shape.accelerator), shape.accelerator != "kvm"
    add_cells(domain, cpu, spec, shape.floating, emulated)
    clock = ET.SubElement(domain, "clock", offset="utc")
    ET.SubElement(clock, "timer", name="hpet", present="no")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _text(domain, f"on_{event}", action)
    devices = ET.SubElement(domain, "devices")
    _disks(devices, spec, shape, machine)
    for nic in spec.nics:
        devices.append(nic_element(nic, spec.properties, shape.userspace_datapath))
    for address in spec.devices:
        devices.append(device_element(address))
    _consoles(devices, shape.folder)
    model = _one_of(spec.properties, "hw_video_model", "vga")
    ET.SubElement(ET.SubElement(devices, "video"), "model", type=model)
    rng = ET.SubElement(devices, "rng", model=_one_of(spec.properties, "hw_rng_model", "virtio"))
    _text(rng, "backend", "/dev/urandom", model="random")
    # Keyboard and mouse are PS/2: a USB controller would only be looked for things at each boot.
    ET.SubElement(devices, "controller", type="usb", model="none")
    ET.SubElement(devices, "memballoon", model="none")
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode")


def nic_element(nic: Nic, properties: Mapping[str, str], userspace: bool) -> ET.Element:
    """The interface of one nic, on the tap that exists for it."""
    nic_xml = ET.Element("interface", type="ethernet")
    ET.SubElement(nic_xml, "mac", address=_legible(nic.mac))
    ET.SubElement(nic_xml, "target", dev=_legible(nic.tap), managed="no")
    model = _one_of(properties, "hw_vif_model", "virtio")
    ET.SubElement(nic_xml, "model", type=model)
    if userspace and model == "virtio":
        # The userspace datapath never completes a partial checksum: TCP would hang.
        driver = ET.SubElement(nic_xml, "driver")
        ET.SubElement(driver, "host", _OFF | {"gso": "off", "mrg_rxbuf": "off"})
        ET.SubElement(driver, "guest", _OFF)
    ET.SubElement(nic_xml, "mtu", size=str(nic.mtu))
    # Without the network card's own boot code the firmware is a good deal quicker.
    ET.SubElement(nic_xml, "rom", enabled="no")
    return nic_xml


def device_element(address: str) -> ET.Element:
    """A PCI device of the host's that is the guest's own. Raises Refused for no such address."""
    found = _PCI.fullmatch(address)
    if found is None:
        raise Refused(f"{address!r} is no address of a PCI device.")
    # libvirt takes the device from the host's own driver while the guest runs.
    device = ET.Element("hostdev", mode="subsystem", type="pci", managed="yes")
    parts = zip(("domain", "bus", "slot", "function"), found.groups(), strict=True)
    where = {name: f"0x{part}" for name, part in parts}
    ET.SubElement(ET.SubElement(device, "source"), "address", where)
    return device


def _cpu(domain: ET.Element, accelerator: str) -> ET.Element:
    if accelerator == "kvm":
        how = {"mode": "host-passthrough", "check": "none", "migratable": "on"}
        return ET.SubElement(domain, "cpu", how)
    # Emulated, a plain model is quick, and one of x86-64-v2 boots what distributions ship today.
    cpu = ET.SubElement(domain, "cpu", mode="custom", match="exact", check="none")
    _text(cpu, "model", "Nehalem", fallback="forbid")
    return cpu


def _smbios(domain: ET.Element, guest_id: str) -> None:
    # By the product's name cloud-init knows that there is OpenStack's metadata to ask for.
    system = ET.SubElement(ET.SubElement(domain, "sysinfo", type="smbios"), "system")
    for name, value in (
        ("manufacturer", "OpenStack Foundation"),
        ("product", "OpenStack Nova"),
        ("serial", guest_id),
        ("uuid", guest_id),
        ("family", "Virtual Machine"),
    ):
        _text(system, "entry", value, name=name)


def _disks(devices: ET.Element, spec: GuestSpec, shape: Shape, machine: str) -> None:
    usual = {overlay.disk.name: overlay.disk.bus for overlay in shape.overlays}
    buses = [
        _bus(_one_of(spec.properties, "hw_disk_bus", usual[overlay.disk.name]), machine)
        for overlay in shape.overlays
    ]
    # A guest that boots from virtio needs no further kernel module to read a virtio drive.
    drive = "virtio" if set(buses) <= {"virtio"} else _bus("ide", machine)
    names = targets([*buses, drive])
    for overlay, bus, target in zip(shape.overlays, buses, names[:-1], strict=True):
        disk = ET.SubElement(devices, "disk", type="file", device="disk")
        ET.SubElement(disk, "driver", name="qemu", type="qcow2", discard="unmap")
        ET.SubElement(disk, "source", file=str(overlay.path))
        if overlay.base is not None:
            # The whole chain is named, so that nothing guesses a format from a guest's bytes.
            store = ET.SubElement(disk, "backingStore", type="file")
            ET.SubElement(store, "format", type=overlay.base_format)
            ET.SubElement(store, "source", file=str(overlay.base))
            ET.SubElement(store, "backingStore")
        else:
            ET.SubElement(disk, "backingStore")
        ET.SubElement(disk, "target", dev=target, bus=bus)
        if overlay.disk.name == RESCUE:
            # It comes after the guest's own disks, so that these keep their names.
            ET.SubElement(disk, "boot", order="1")
    if "scsi" in buses:
        ET.SubElement(devices, "controller", type="scsi", model="virtio-scsi")
    if shape.config_drive is not None:
        kind = "disk" if drive == "virtio" else "cdrom"
        disk = ET.SubElement(devices, "disk", type="file", device=kind)
        ET.SubElement(disk, "driver", name="qemu", type="raw")
        ET.SubElement(disk, "source", file=str(shape.config_drive))
        ET.SubElement(disk, "target", dev=names[-1], bus=drive)
        ET.SubElement(disk, "readonly")


def _bus(bus: str, machine: str) -> str:
    return "sata" if bus == "ide" and "q35" in machine else bus


# How a bus's disks are called, and how many there may be.
_LETTERS = {"virtio": ("vd", 26), "scsi": ("sd", 26), "sata": ("sd", 26), "ide": ("hd", 4)}


def targets(buses: Sequence[str]) -> list[str]:
    """The name of a disk on each of these buses, in order (vda, vdb, sda…), no name twice.

    The last one, the config drive's, has the last name of its bus, so that it never moves.
    Raises Refused when there are more disks than names.
    """
    names: list[str] = []
    for number, bus in enumerate(buses, 1):
        prefix, room = _LETTERS[bus]
        used = sum(name.startswith(prefix) for name in names)
        if used >= room:
            raise Refused(
                f"A guest can have at most {room} {bus} disks, its config drive included."
            )
        names.append(f"{prefix}{chr(ord('a') + (used if number < len(buses) else room - 1))}")
    return names


def _consoles(devices: ET.Element, folder: Path) -> None:
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "log", file=str(folder / "console.log"), append="on")
    ET.SubElement(serial, "target", port="0")
    graphics = ET.SubElement(devices, "graphics", type="vnc")
    listen = ET.SubElement(graphics, "listen", type="socket")
    socket = str(folder / "vnc.sock")
    if len(socket.encode()) <= _SOCKET_PATH:  # else libvirt puts it into its own folder
        listen.set("socket", socket)


def _one_of(properties: Mapping[str, str], key: str, usual: str) -> str:
    value = properties.get(key, usual)
    if not CHOICES[key].fullmatch(value):
        raise Refused(
            f"The image's property {key} is {value!r}; this host knows {CHOICES[key].pattern}."
        )
    return value


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = _legible(text)


def _legible(text: str) -> str:
    if _UNWRITABLE.search(text):
        raise Refused(f"{text!r} has characters that the hypervisor's definitions cannot hold.")
    return text
