"""The definition that libvirt gets: as written down, and whatever a guest is called."""

import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.compute.driver import Disk, GuestSpec, Nic
from pileus.compute.drivers.domain import Shape, domain_xml, targets
from pileus.compute.drivers.mark import Mark, digest
from pileus.compute.drivers.overlay import Overlay
from pileus.core.backend import Refused

GOLDEN = Path(__file__).parents[1] / "golden" / "domain.xml"
FOLDER = Path("/var/lib/pileus/instances/6d1f9f0e-77a6-4f43-9a0e-0c3a34a7d2a5")
DISKS = (Disk("disk", 10, "image"), Disk("disk.swap", 1))
SPEC = GuestSpec(
    id=FOLDER.name,
    name="instance-00000001",
    generation=3,
    vcpus=2,
    memory_mb=512,
    disks=DISKS,
    nics=(Nic("0d7f5f9a-5a3b-4bb3-8f0a-0f8f1b9a7c11", "net", "fa:16:3e:00:00:01", 1442),),
    config_drive={"openstack/latest/meta_data.json": "{}"},
)
SHAPE = Shape(
    "tcg",
    True,
    FOLDER,
    (
        Overlay(DISKS[0], FOLDER / "disk", FOLDER / "disk.base-image.qcow2", "qcow2"),
        Overlay(DISKS[1], FOLDER / "disk.swap", None),
    ),
    FOLDER / "disk.config",
)


def _xml(spec: GuestSpec) -> ET.Element:
    return ET.fromstring(domain_xml(spec, Mark(spec.generation, 0, digest(spec)), SHAPE))


def _shape(tree: ET.Element) -> list[str]:
    return [element.tag for element in tree.iter()]


def _disks(properties: dict[str, str]) -> list[tuple[str | None, str | None]]:
    found = _xml(replace(SPEC, properties=properties)).iterfind("devices/disk/target")
    return [(target.get("dev"), target.get("bus")) for target in found]


def test_the_definition_is_the_one_written_down() -> None:
    text = domain_xml(SPEC, Mark(3, 1, "0123456789abcdef"), SHAPE) + "\n"
    if "PILEUS_GOLDEN" in os.environ:  # PILEUS_GOLDEN=write accepts a change
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


@given(st.text(min_size=1))
def test_no_name_changes_anything_but_the_name(name: str) -> None:
    spec = replace(SPEC, name=name)
    try:
        tree = _xml(spec)
    except Refused:
        return
    assert tree.findtext("name") == name
    assert _shape(tree) == _shape(_xml(SPEC))


@given(
    st.sampled_from(["hw_disk_bus", "hw_machine_type", "hw_video_model", "hw_vif_model"]),
    st.text() | st.sampled_from(["virtio' bus='x", "pc</type>", "q35\n", "vga\0"]),
)
def test_no_property_brings_anything_of_its_own(key: str, value: str) -> None:
    try:
        tree = _xml(replace(SPEC, properties={key: value}))
    except Refused as refused:
        assert key in str(refused)
        return
    texts = [text for element in tree.iter() for text in (element.text, *element.attrib.values())]
    assert value in texts


def test_properties_of_the_image_choose_the_hardware() -> None:
    wanted = {"hw_machine_type": "q35", "hw_vif_model": "e1000e", "hw_video_model": "none"}
    tree = _xml(replace(SPEC, properties=wanted))
    machine, nic = tree.find("os/type"), tree.find("devices/interface/model")
    assert machine is not None and nic is not None
    assert (machine.get("machine"), nic.get("type")) == ("q35", "e1000e")


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({}, [("vda", "virtio"), ("vdb", "virtio"), ("vdz", "virtio")]),
        ({"hw_disk_bus": "scsi"}, [("sda", "scsi"), ("sdb", "scsi"), ("hdd", "ide")]),
        ({"hw_disk_bus": "ide"}, [("hda", "ide"), ("hdb", "ide"), ("hdd", "ide")]),
        (
            {"hw_disk_bus": "scsi", "hw_machine_type": "q35"},
            [("sda", "scsi"), ("sdb", "scsi"), ("sdz", "sata")],
        ),
    ],
)
def test_disks_are_on_the_bus_that_the_image_wants(
    properties: dict[str, str], found: list[tuple[str, str]]
) -> None:
    assert _disks(properties) == found


@given(st.lists(st.sampled_from(["virtio", "scsi", "sata", "ide"]), max_size=40))
def test_no_two_disks_have_one_name(buses: list[str]) -> None:
    try:
        names = targets(buses)
    except Refused:
        return
    assert len(set(names)) == len(names) == len(buses)


def test_a_mark_outlives_libvirts_way_of_writing() -> None:
    mark = Mark(3, 1, "0123456789abcdef", 1_800_000_000)
    assert Mark.parse(mark.xml().replace('"', "'")) == mark


def test_too_many_disks_are_refused() -> None:
    with pytest.raises(Refused, match="at most 4 ide"):
        targets(["ide"] * 5)
