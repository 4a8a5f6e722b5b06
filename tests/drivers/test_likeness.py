"""A guest finds its devices where they were, and nothing else comes from the other host."""

import xml.etree.ElementTree as ET

import pytest

from pileus.compute.drivers.likeness import like
from pileus.core.backend import Refused

OWN = """
<domain><os><type machine='pc'>hvm</type></os><devices>
  <disk><source file='/ours/disk'/><target dev='vda' bus='virtio'/></disk>
  <interface><mac address='fa:16:3e:00:00:01'/><target dev='tap1'/></interface>
  <interface><mac address='fa:16:3e:00:00:02'/><target dev='tap2'/></interface>
  <controller type='usb' model='none'/>
  <rng model='virtio'/>
</devices></domain>"""
THEIRS = """
<domain><os><type machine='pc-i440fx-7.2'>hvm</type><loader>/theirs</loader></os><devices>
  <emulator>/theirs</emulator>
  <disk><source file='/theirs/disk'/><target dev='vda'/>
    <address type='pci' slot='0x05'/></disk>
  <interface><mac address='FA:16:3E:00:00:02'/>
    <address type='pci' slot='0x03' bus='&quot;/>'/></interface>
  <interface><mac address='fa:16:3e:00:00:01'/>
    <address type='pci' slot='0x08'/></interface>
  <controller type='usb' index='0' model='none'/>
  <controller type='pci' index='1' model='pcie-root-port'>
    <model name='pcie-root-port'/><target chassis='1' port='0x10'/><driver iommu='on'/>
    <address type='pci' slot='0x02' multifunction='on'/></controller>
  <controller type='xenbus' index='0'/>
  <hostdev><source/></hostdev>
  <rng model='virtio'><address type='pci' slot='0x06'/></rng>
</devices></domain>"""


def test_devices_are_where_the_guest_knows_them() -> None:
    made = ET.fromstring(like(OWN, THEIRS))

    devices = made.find("devices")
    assert devices is not None
    slots = [
        (device.tag, address.get("slot"))
        for device in devices
        if (address := device.find("address")) is not None
    ]
    assert slots == [
        ("disk", "0x05"),
        ("interface", "0x08"),
        ("interface", "0x03"),
        ("rng", "0x06"),
        ("controller", "0x02"),
    ]
    machine = made.find("os/type")
    assert machine is not None
    assert machine.get("machine") == "pc-i440fx-7.2"


def test_nothing_but_places_comes_from_the_other_host() -> None:
    made = like(OWN, THEIRS)

    for theirs in ("theirs", "hostdev", "xenbus", "iommu", "&quot;"):
        assert theirs not in made
    assert "/ours/disk" in made
    controllers = [one.attrib for one in ET.fromstring(made).iter("controller")]
    assert controllers == [
        {"type": "usb", "model": "none"},
        {"type": "pci", "index": "1", "model": "pcie-root-port"},
    ]


@pytest.mark.parametrize(
    "other",
    ["", "<domain", "<domain/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><domain/>", " " * 100_000],
)
def test_what_is_no_definition_is_refused(other: str) -> None:
    with pytest.raises(Refused):
        like(OWN, other)
