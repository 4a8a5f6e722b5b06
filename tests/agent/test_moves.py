"""Servers move between joined hosts, and one that comes back from the dead is harmless."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pileus.attendant import Attendant

from .fleet import Hosts, LeapClock, Relay, Site, site


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as made:
        yield made


def act(place: Site, server: str, **action: Any) -> None:
    url = f"/compute/v2.1/servers/{server}/action"
    headers = {"OpenStack-API-Version": "compute 2.90"}
    answer = place.cloud.admin.post(url, json=action, headers=headers)
    assert answer.status_code in (200, 202, 204), answer.text


def becomes(place: Site, server: str, status: str) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        found = place.show(server)
        assert status == "ERROR" or found["status"] != "ERROR", found
        return found if found["status"] == status else None

    return dict(place.until(done, f"the server to be {status}"))


def guests(host: Attendant) -> dict[str, str]:
    """Power by guest."""
    return {one.id: one.power for one in host.machine.compute.observe()}


def at_rest(place: Site) -> None:
    place.cloud.settle()
    assert place.cloud.audit() == []


@pytest.mark.parametrize(("end", "goal"), [("confirmResize", "far-2"), ("revertResize", "far-1")])
def test_a_server_migrates_between_joined_hosts(place: Site, end: str, goal: str) -> None:
    hosts = {name: place.host(name) for name in ("far-1", "far-2")}
    server = place.create("far-1")
    place.active(server)

    act(place, server, migrate={"host": "far-2"})
    found = becomes(place, server, "VERIFY_RESIZE")

    assert found["OS-EXT-SRV-ATTR:host"] == "far-2"
    assert guests(hosts["far-1"]) == {server: "shutoff"}
    assert guests(hosts["far-2"]) == {server: "running"}
    at_rest(place)
    act(place, server, **{end: None})
    assert becomes(place, server, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == goal
    place.until(lambda: [n for n, h in hosts.items() if guests(h)] == [goal], "one host with it")
    content = hosts[goal].machine.compute._guests[server].content
    assert content == "made on far-1, build 0"
    at_rest(place)


def test_a_host_whose_agent_starts_again_in_the_middle_offers_the_disks_again(place: Site) -> None:
    far, other = place.host("far-1"), place.host("far-2")
    server = place.create("far-1")
    place.active(server)
    place.hosts.stop("far-2")
    act(place, server, migrate={"host": "far-2"})
    place.until(lambda: guests(far) == {server: "shutoff"}, "the guest to be off")

    place.hosts.stop("far-1")
    again = [place.hosts.attendant(one.link.identity) for one in (far, other)]
    for one in again:
        place.hosts.start(one)

    becomes(place, server, "VERIFY_RESIZE")
    assert [guests(one) for one in again] == [{server: "shutoff"}, {server: "running"}]
    at_rest(place)


def test_an_image_is_made_of_a_server_on_a_joined_host(place: Site) -> None:
    place.host("far-1")
    server = place.create("far-1")
    place.active(server)

    act(place, server, createImage={"name": "snap"})

    def done() -> bool:
        found = place.cloud.admin.get("/image/v2/images", params={"name": "snap"}).json()["images"]
        return [one["status"] for one in found] == ["active"]

    place.until(done, "the image to be active")
    becomes(place, server, "ACTIVE")
    at_rest(place)


def fence(place: Site, host: str, dead: bool) -> int:
    """Say that the host is dead, or that it is not any more."""
    headers = {"OpenStack-API-Version": "compute 2.90"}
    admin = place.cloud.admin
    found = admin.get("/compute/v2.1/os-services", headers=headers).json()["services"]
    service = next(one["id"] for one in found if one["host"] == host)
    body = {"forced_down": dead}
    url = f"/compute/v2.1/os-services/{service}"
    return int(admin.put(url, json=body, headers=headers).status_code)


def test_a_host_that_was_cut_off_and_evacuated_comes_back_and_loses_its_guest(place: Site) -> None:
    """What ran on there without anybody's knowing is removed before it may do anything else."""
    cable = Relay(place.relay.target)
    island = Hosts(place.folder / "island", cable.port)
    far = island.attendant(island.join("far-1", place.token()))
    island.start(far)
    place.until(far.link.connected.is_set, "far-1 to connect")
    near = place.host("far-2")
    server = place.create("far-1")
    place.active(server)

    cable.cut()
    place.until(lambda: not far.link.connected.is_set(), "far-1 to be cut off")
    assert fence(place, "far-1", dead=True) == 200
    act(place, server, evacuate={"host": "far-2"})
    found = becomes(place, server, "ACTIVE")

    assert found["OS-EXT-SRV-ATTR:host"] == "far-2"
    assert guests(near) == {server: "running"}
    assert guests(far) == {server: "running"}  # which is why somebody must vouch for a fence
    assert place.cloud.audit() == []
    cable.mend()
    place.until(lambda: not guests(far), "far-1 to remove its guest")
    place.until(lambda: not far.machine.host_network.plugged(), "far-1 to unplug it")
    assert fence(place, "far-1", dead=False) == 200
    assert guests(near) == {server: "running"}
    at_rest(place)
    island.close()
    cable.close()


def test_a_dead_host_whose_agent_starts_anew_does_not_start_the_old_guest(place: Site) -> None:
    place.host("far-1")
    near = place.host("far-2")
    server = place.create("far-1")
    place.active(server)
    place.hosts.stop("far-1")
    fence(place, "far-1", dead=True)
    act(place, server, evacuate={"host": "far-2"})
    becomes(place, server, "ACTIVE")

    again = place.hosts.attendant(place.hosts.identity("far-1"))
    again.machine.compute.crash(server)  # its power was cut
    place.hosts.start(again)

    place.until(lambda: not guests(again), "far-1 to remove its guest")
    assert again.machine.compute.observe() == []
    assert guests(near) == {server: "running"}
    at_rest(place)


def test_a_server_moves_live_between_joined_hosts(place: Site) -> None:
    hosts = {name: place.host(name) for name in ("far-1", "far-2")}
    server = place.create("far-1")
    place.active(server)

    act(place, server, **{"os-migrateLive": {"host": "far-2", "block_migration": "auto"}})

    assert becomes(place, server, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "far-2"
    assert [guests(host) for host in hosts.values()] == [{}, {server: "running"}]
    assert hosts["far-2"].machine.compute._guests[server].content == "made on far-1, build 0"
    at_rest(place)


def test_a_silent_host_is_not_evacuated_until_somebody_vouches_that_it_is_dead(
    tmp_path: Path,
) -> None:
    clock = LeapClock()
    with site(tmp_path, clock) as place:
        place.host("far-1")
        place.host("far-2")
        server = place.create("far-1")
        place.active(server)
        place.hosts.stop("far-1")
        clock.ahead += timedelta(minutes=5)
        place.until(lambda: place.services()["far-1"] == "down", "far-1 to count as down")

        headers = {"OpenStack-API-Version": "compute 2.90"}
        url = f"/compute/v2.1/servers/{server}/action"
        answer = place.cloud.admin.post(url, json={"evacuate": {}}, headers=headers)

        assert answer.status_code == 409
        assert "forced_down=true" in answer.text


def test_from_2_95_an_evacuated_server_is_stopped(place: Site) -> None:
    place.host("far-1")
    near = place.host("far-2")
    server = place.create("far-1")
    place.active(server)
    place.hosts.stop("far-1")
    fence(place, "far-1", dead=True)

    headers = {"OpenStack-API-Version": "compute 2.95"}
    url = f"/compute/v2.1/servers/{server}/action"
    body = {"evacuate": {"host": "far-2"}}
    answer = place.cloud.admin.post(url, json=body, headers=headers)

    assert answer.status_code == 200
    becomes(place, server, "SHUTOFF")
    assert guests(near) == {server: "shutoff"}


def test_a_server_that_outgrows_its_host_is_resized_on_another(place: Site) -> None:
    place.unlimited()
    small, large = place.host("far-1"), place.host("far-2")
    server = place.create("far-1")
    place.active(server)
    flavor = {"name": "huge", "vcpus": 1, "ram": 200 << 10, "disk": 1, "id": "huge"}
    admin = place.cloud.admin
    assert admin.post("/compute/v2.1/flavors", json={"flavor": flavor}).status_code == 200
    filler = place.create("far-1", flavorRef="huge")
    place.active(filler)

    act(place, server, resize={"flavorRef": "huge"})
    found = becomes(place, server, "VERIFY_RESIZE")

    assert found["OS-EXT-SRV-ATTR:host"] != "far-1"
    assert guests(small)[server] == "shutoff"
    act(place, server, revertResize=None)
    assert becomes(place, server, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "far-1"
    assert guests(small)[server] == "running"
    assert server not in guests(large)
    at_rest(place)
