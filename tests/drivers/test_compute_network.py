"""A real guest on a real network: its address, its metadata, and TCP from outside."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from node import INSIDE, MAC, MTU, NET, PORT, TINY, Node, running_node

from pileus.compute.driver import Disk, GuestSpec, Nic

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with running_node() as one:
        yield one


@pytest.fixture(scope="module")
def spec() -> GuestSpec:
    nic = Nic(PORT, NET, MAC, MTU, (INSIDE,))
    return GuestSpec(
        str(uuid.uuid4()), "one", 1, 1, 128, (Disk("disk", 1, TINY),), (nic,), power="running"
    )


def test_a_guest_gets_address_and_key_and_answers_outside(node: Node, spec: GuestSpec) -> None:
    assert node.apply(spec)["power"] == "running"
    assert node.ssh("hostname").strip() == b"from-metadata"
    assert b"address eth0 10.41.0.11/24" in node.compute.console_log(spec.id)
    assert set(node.asked) == {(NET, INSIDE)}


def test_long_tcp_streams_pass_both_ways(node: Node, spec: GuestSpec) -> None:
    node.apply(spec)
    assert len(node.ssh("head -c 3000000 /dev/zero")) == 3_000_000


def test_a_disk_has_the_flavors_size_and_the_product_is_openstacks(
    node: Node, spec: GuestSpec
) -> None:
    node.apply(spec)
    found = node.ssh("cat /sys/class/block/vda/size /sys/class/dmi/id/product_name").split(b"\n")
    assert found[:2] == [b"2097152", b"OpenStack Nova"]


def test_all_is_mended_after_the_machine_was_reset(node: Node, spec: GuestSpec) -> None:
    node.apply(spec)
    node.ssh("touch /root/kept && sync")
    node.pull_the_plug(spec.nics[0].tap)
    node.start()
    node.asked.clear()
    assert node.apply(spec)["power"] == "running"
    node.ssh("test -e /root/kept")
    assert set(node.asked) == {(NET, INSIDE)}


def test_a_lost_tap_alone_comes_back_with_the_next_start(node: Node, spec: GuestSpec) -> None:
    node.apply(spec)
    node.libvirtd.kill_guests()
    node.host_network.unplug(PORT, spec.nics[0].tap)
    assert node.apply(replace(spec, reboots=1))["power"] == "running"
    node.ssh("true")


def test_an_interface_comes_and_goes_while_the_guest_runs(node: Node, spec: GuestSpec) -> None:
    other = Nic("41bbbbbb-0000-4000-8000-000000000002", NET, "fa:16:3e:41:00:12", MTU)
    node.apply(spec)
    node.ssh("true")  # only a guest that is up lets go of an interface

    node.apply(replace(spec, nics=(*spec.nics, other)))
    assert node.ssh("until ls /sys/class/net | grep eth1; do sleep 1; done").strip() == b"eth1"
    node.apply(spec)
    node.ssh("while ls /sys/class/net | grep -q eth1; do sleep 1; done")

    assert set(node.host_network.plugged()) == {PORT}


def test_disks_of_a_guest_that_is_not_there_are_told_of(node: Node, spec: GuestSpec) -> None:
    node.apply(spec)
    left = node.home / "instances" / "41dddddd-0000-4000-8000-000000000004"
    left.mkdir()

    told = set(node.guests.leftovers())

    left.rmdir()
    assert told == {spec.id, left.name}
