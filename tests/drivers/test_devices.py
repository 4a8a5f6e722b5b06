"""PCI devices: which a host has, which guests may have, and how libvirt is told."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from test_compute_domain import SHAPE, SPEC
from test_simulated_compute import NoImages

from pileus import machine
from pileus.agent.identity import Identity
from pileus.compute.driver import HostDevice
from pileus.compute.drivers.domain import domain_xml
from pileus.compute.drivers.mark import Mark, digest
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.compute.pci.spec import chosen, parse, simulated
from pileus.config import Config
from pileus.core.backend import Refused
from pileus.host.pci import devices

_FOUND = [
    ("0000:02:00.0", "10de", "1eb8"),
    ("0000:81:00.0", "8086", "10fb"),
    ("0000:81:00.1", "8086", "10fb"),
]
_WITH = replace(SPEC, devices=("0000:81:00.1", "0002:0a:1f.7"))


def _xml() -> ET.Element:
    return ET.fromstring(domain_xml(_WITH, Mark(1, 0, digest(_WITH)), SHAPE))


def test_the_guest_is_given_the_hosts_devices_by_address() -> None:
    hosted = _xml().findall("devices/hostdev")

    assert [dict(one.attrib) for one in hosted] == [
        {"mode": "subsystem", "type": "pci", "managed": "yes"}
    ] * 2
    assert [dict(one.attrib) for one in _xml().iterfind("devices/hostdev/source/address")] == [
        {"domain": "0x0000", "bus": "0x81", "slot": "0x00", "function": "0x1"},
        {"domain": "0x0002", "bus": "0x0a", "slot": "0x1f", "function": "0x7"},
    ]


@pytest.mark.skipif(
    shutil.which("xmllint") is None, reason="no xmllint here: `make ping` installs it"
)
def test_the_definition_is_one_by_libvirts_schema(tmp_path: Path) -> None:
    file = tmp_path / "domain.xml"
    file.write_bytes(ET.tostring(_xml()))

    done = subprocess.run(["virt-xml-validate", file, "domain"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_what_is_no_address_never_gets_into_a_definition() -> None:
    odd = replace(SPEC, devices=("0000:81:00.1'/>",))

    with pytest.raises(Refused, match="no address of a PCI device"):
        domain_xml(odd, Mark(1, 0, digest(odd)), SHAPE)


def test_devices_are_part_of_a_guests_shape_and_none_leave_it_as_it_was() -> None:
    assert digest(_WITH) != digest(SPEC)
    assert digest(replace(SPEC, devices=())) == digest(SPEC)


@pytest.mark.parametrize(
    ("spec", "addresses", "kind"),
    [
        ('{"vendor_id": "10de"}', ["0000:02:00.0"], "CUSTOM_PCI_10DE_1EB8"),
        ('{"address": "81:00.*"}', ["0000:81:00.0", "0000:81:00.1"], "CUSTOM_PCI_8086_10FB"),
        ('{"address": "0000:81:00.1"}', ["0000:81:00.1"], "CUSTOM_PCI_8086_10FB"),
        ('{"vendor_id": "8086", "product_id": "1eb8"}', [], ""),
        ('{"vendor_id": "0x10DE", "resource_class": "my gpu"}', ["0000:02:00.0"], "CUSTOM_MY_GPU"),
        ('{"vendor_id": "10de", "resource_class": "PGPU"}', ["0000:02:00.0"], "PGPU"),
        (
            '[{"product_id": "10fb", "resource_class": "nic"}, {"vendor_id": "*", "address": "*"}]',
            ["0000:02:00.0", "0000:81:00.0", "0000:81:00.1"],
            "CUSTOM_PCI_10DE_1EB8",
        ),
    ],
)
def test_a_spec_names_devices_and_their_class(spec: str, addresses: list[str], kind: str) -> None:
    found = chosen(parse(spec), _FOUND)

    assert [one.address for one in found] == addresses
    assert {one.resource_class for one in found[:1]} == ({kind} if kind else set())


def test_a_spec_gives_devices_traits() -> None:
    (found,) = chosen(parse('{"vendor_id": "10de", "traits": "fast, HW_GPU_API_VULKAN"}'), _FOUND)

    assert found.traits == ("CUSTOM_FAST", "HW_GPU_API_VULKAN")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{", "is no JSON"),
        ("[1]", "is no map"),
        ("{}", "is named by vendor_id"),
        ('{"resource_class": "x"}', "is named by vendor_id"),
        ('{"vendor_id": "10d"}', "four hexadecimal digits"),
        ('{"vendor_id": 4318}', "must be a text"),
        ('{"address": "here"}', "must be as 0000:81:00.0"),
        ('{"vendor_id": "10de", "physical_network": "x"}', "means nothing here"),
    ],
)
def test_a_spec_that_is_none_is_refused(spec: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(spec)


def test_a_simulated_host_has_what_is_named_in_full() -> None:
    whole = '{"vendor_id": "10de", "product_id": "1eb8", "address": "0000:02:00.0"}'

    assert simulated(parse(whole)) == (HostDevice("0000:02:00.0", "CUSTOM_PCI_10DE_1EB8"),)
    with pytest.raises(ValueError, match="a whole address"):
        simulated(parse('{"vendor_id": "10de", "address": "0000:02:00.0"}'))


def test_the_setting_gives_simulated_hosts_their_devices(tmp_path: Path) -> None:
    text = '{"vendor_id": "10de", "product_id": "1eb8", "address": "0000:02:00.0"}'
    config = Config(state=tmp_path, simulate=True, host="one", pci_device_spec=text)
    identity = Identity.begin(tmp_path / "two", "two", "127.0.0.1:1", True, pci_device_spec=text)
    kept = Identity.read(tmp_path / "two").pci_device_spec

    own = machine.simulated(config)
    joined = machine.simulated_host("two", machine.Upstairs(), None, pci_device_spec=kept)  # type: ignore[arg-type]

    assert identity.pci_device_spec == kept
    card = HostDevice("0000:02:00.0", "CUSTOM_PCI_10DE_1EB8")
    assert own.compute.facts().devices == joined.compute.facts().devices == (card,)


def test_a_hosts_devices_are_read_without_those_that_are_shared_out(tmp_path: Path) -> None:
    for address, vendor in (("0000:02:00.0", "0x10de"), ("0000:81:00.0", "0x8086")):
        folder = tmp_path / address
        folder.mkdir()
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "device").write_text("0x1eb8\n")
    (tmp_path / "0000:81:00.0/virtfn0").symlink_to("../0000:81:10.0")

    assert list(devices(tmp_path)) == [("0000:02:00.0", "10de", "1eb8")]
    assert list(devices(tmp_path / "nowhere")) == []


def test_a_simulated_device_is_one_guests() -> None:
    card = HostDevice("0000:02:00.0", "CUSTOM_GPU")
    host = SimulatedCompute("one", NoImages(), devices=(card,))
    first = replace(SPEC, devices=(card.address,), disks=())
    second = replace(first, id=SPEC.id.replace("6", "7"))
    host.ensure(first)

    with pytest.raises(Refused, match="cannot have 0000:02"):
        host.ensure(second)

    host.remove(first.id)
    host.ensure(second)
    with pytest.raises(Refused):
        host.ensure(replace(second, devices=("0000:03:00.0",)))
