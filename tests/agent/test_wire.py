"""A joined host is a compute host, over real TLS, whatever happens to the cable."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pileus.agent.guests import spec_of
from pileus.core.backend import Refused
from pileus.core.desired import find
from pileus.core.ids import derived
from pileus.first_image import NAME
from pileus.image import ImageStore

from .fleet import LeapClock, Site, site


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


def test_a_server_on_a_joined_host_becomes_active_and_goes_without_a_trace(place: Site) -> None:
    host = place.host("far-1")
    server = place.create("far-1")

    place.active(server)

    assert [guest.id for guest in host.machine.compute.observe()] == [server]
    place.delete(server)
    place.gone(server)
    assert not host.machine.compute.observe()
    assert not host.machine.host_network.plugged()
    place.cloud.settle()
    assert place.cloud.audit() == []


def test_a_joined_host_is_listed_as_a_hypervisor_and_its_service_is_up(place: Site) -> None:
    place.host("far-1")

    place.until(lambda: place.services().get("far-1") == "up", "far-1 to be up")
    found = place.cloud.admin.get("/compute/v2.1/os-hypervisors/detail").json()["hypervisors"]
    assert {one["hypervisor_hostname"] for one in found} == {"host-1", "far-1"}


def test_the_console_of_a_server_elsewhere_is_read_over_the_wire(place: Site) -> None:
    place.host("far-1")
    server = place.create("far-1")
    place.active(server)

    action = {"os-getConsoleOutput": {}}
    url = f"/compute/v2.1/servers/{server}/action"
    answer = place.cloud.admin.post(url, json=action)

    assert "login:" in answer.json()["output"]


def test_a_guest_elsewhere_reads_its_metadata_over_the_wire(place: Site) -> None:
    host = place.host("far-1")
    server = place.create("far-1")
    place.active(server)
    network = place.network()
    place.until(lambda: network in host.machine.host_network.metadata_networks())
    address = place.show(server)["addresses"]["fleet"][0]["addr"]

    words = (network, address, "GET", "/latest/meta-data/hostname", {})
    status, _, body = host.upstairs.metadata(*words)

    assert (status, body) == (200, b"one")


def test_a_host_cannot_read_the_metadata_of_another_hosts_guest(place: Site) -> None:
    place.host("far-1")
    other = place.host("far-2")
    server = place.create("far-1")
    place.active(server)
    address = place.show(server)["addresses"]["fleet"][0]["addr"]

    words = (place.network(), address, "GET", "/latest/meta-data/hostname", {})
    status, _, _ = other.upstairs.metadata(*words)

    assert status == 404


def test_a_host_cannot_fetch_an_image_that_none_of_its_guests_needs(place: Site) -> None:
    host = place.host("far-1")
    image = derived("first image", place.cloud.config.seed, NAME)

    with pytest.raises(Refused, match="No guest of host 'far-1'"):
        host.upstairs.path(image)


def test_a_host_does_not_take_an_image_whose_bytes_were_damaged(place: Site) -> None:
    host = place.host("far-1")
    image = derived("first image", place.cloud.config.seed, NAME)
    place.active(place.create("far-1"))
    host.upstairs.path(image)[0].unlink()
    with place.cloud.app.parts[ImageStore].path(image).open("r+b") as stored:
        stored.write(b"?")

    with pytest.raises(Refused, match="are not those that were uploaded"):
        host.upstairs.path(image)


def test_the_agent_goes_on_after_a_restart_of_the_control_plane(place: Site) -> None:
    host = place.host("far-1")
    first = place.create("far-1")
    place.active(first)

    place.restart()
    second = place.create("far-1")

    place.active(second)
    place.active(first)
    assert {guest.id for guest in host.machine.compute.observe()} == {first, second}
    place.cloud.settle()
    assert place.cloud.audit() == []


def test_a_cut_of_an_hour_is_made_good(tmp_path: Path) -> None:
    clock = LeapClock()
    with site(tmp_path, clock) as place:
        host = place.host("far-1")
        stays, goes = place.create("far-1"), place.create("far-1")
        place.active(stays)
        place.active(goes)
        place.relay.cut()
        place.delete(goes)
        stop = {"os-stop": None}
        place.cloud.admin.post(f"/compute/v2.1/servers/{stays}/action", json=stop)
        clock.ahead += timedelta(hours=1)
        place.until(lambda: place.services()["far-1"] == "down", "far-1 to be down")
        assert len(host.machine.compute.observe()) == 2

        place.relay.mend()

        place.gone(goes)
        place.until(lambda: place.show(stays)["status"] == "SHUTOFF", "the stop")
        place.until(lambda: place.services()["far-1"] == "up", "far-1 to be up")
        assert [guest.id for guest in host.machine.compute.observe()] == [stays]
        place.cloud.settle()
        assert place.cloud.audit() == []


def test_a_connection_that_dangles_is_given_up_by_both_sides(place: Site) -> None:
    host = place.host("far-1")
    listener = place.cloud.app.listener
    assert listener is not None

    place.relay.dangle()

    place.until(lambda: not host.link.connected.is_set(), "the agent to notice")
    place.until(lambda: listener.connected == 0, "the control plane to notice")
    place.relay.mend()
    place.until(host.link.connected.is_set, "the agent to be back")


def test_what_a_guest_does_by_itself_is_told(place: Site) -> None:
    host = place.host("far-1")
    server = place.create("far-1")
    place.active(server)

    host.machine.compute.crash(server)

    place.until(lambda: place.show(server)["status"] == "SHUTOFF", "the server to be shut off")


def test_an_agent_that_has_lost_its_memory_finds_its_guests_again(place: Site) -> None:
    host = place.host("far-1")
    server = place.create("far-1")
    place.active(server)
    place.hosts.stop("far-1")

    again = place.hosts.attendant(host.link.identity)
    place.hosts.start(again)

    place.until(again.link.connected.is_set)
    place.until(lambda: place.services()["far-1"] == "up")
    assert [guest.id for guest in again.machine.compute.observe()] == [server]
    place.delete(server)
    place.gone(server)
    assert not again.machine.compute.observe()


def test_a_guest_of_no_server_is_left_alone_and_audit_names_it(place: Site) -> None:
    host = place.host("far-1")
    server = place.create("far-1")
    place.active(server)
    row = place.cloud.app.db.read(lambda tx: find(tx, "far-1", "guest", server))
    assert row is not None
    stray = str(uuid.uuid4())

    host.machine.compute.ensure(replace(spec_of(row.spec), id=stray, disks=(), nics=()))

    place.until(lambda: any(stray in one.detail for one in place.cloud.audit()), "the finding")
    host.machine.compute.remove(stray)
    place.until(lambda: not place.cloud.audit(), "the audit to be clean")
