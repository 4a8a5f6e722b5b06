"""A real server is changed on its host in every way, and is whole after each."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from .cloud import RealCloud, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCloud]:
    made = RealCloud(tmp_path_factory.mktemp("change"))
    made.up()
    yield made
    log = made.run("logs", "-n", "1000").stdout.splitlines()
    print("\n".join([line for line in log if '"event": "request"' not in line][-20:]))
    print(made.run("uninstall", "--yes").stderr)


@pytest.fixture(scope="module")
def server(cloud: RealCloud) -> str:
    found = cloud.boot("changing")
    until(lambda: "login:" in cloud.console(found), "the guest to be up")
    return found


def _act(cloud: RealCloud, server: str, **action: Any) -> dict[str, Any]:
    answer = cloud.api.post(f"/compute/v2.1/servers/{server}/action", json=action)
    assert answer.status_code in (200, 202, 204), answer.text
    return dict(answer.json()) if answer.content else {}


def _settled(cloud: RealCloud, server: str, status: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        shown = cloud.api.get(f"/compute/v2.1/servers/{server}").json()["server"]
        idle = shown["OS-EXT-STS:task_state"] is None
        return shown if idle and shown["status"] == status else None

    shown = until(found, f"the server to be {status}", 120)
    assert cloud.audited() == []
    return dict(shown)


def _disk_gb(cloud: RealCloud, server: str) -> int:
    file = cloud.state / "instances" / server / "disk"
    words = ["qemu-img", "info", "-U", "--output=json", str(file)]
    done = subprocess.run(words, capture_output=True, check=True)
    return int(json.loads(done.stdout)["virtual-size"]) >> 30


def test_a_guest_is_resized_and_reverted_and_resized_again(cloud: RealCloud, server: str) -> None:
    flavor = {"name": "wide", "ram": 256, "vcpus": 1, "disk": 2}
    made = cloud.api.post("/compute/v2.1/flavors", json={"flavor": flavor}).json()["flavor"]

    _act(cloud, server, resize={"flavorRef": made["id"]})
    _settled(cloud, server, "VERIFY_RESIZE")
    grown = _disk_gb(cloud, server)
    _act(cloud, server, revertResize=None)
    _settled(cloud, server, "ACTIVE")
    reverted = _disk_gb(cloud, server)
    _act(cloud, server, resize={"flavorRef": made["id"]})
    _settled(cloud, server, "VERIFY_RESIZE")
    _act(cloud, server, confirmResize=None)
    _settled(cloud, server, "ACTIVE")

    assert (grown, reverted, _disk_gb(cloud, server)) == (2, 1, 2)


def test_a_guest_is_suspended_and_resumed(cloud: RealCloud, server: str) -> None:
    _act(cloud, server, suspend=None)
    _settled(cloud, server, "SUSPENDED")
    assert cloud.guests() == {}

    _act(cloud, server, resume=None)
    _settled(cloud, server, "ACTIVE")

    assert len(cloud.guests()) == 1


def test_an_image_of_a_running_guest_boots(cloud: RealCloud, server: str) -> None:
    image_id = _act(cloud, server, createImage={"name": "snap"})["image_id"]
    _settled(cloud, server, "ACTIVE")

    _act(cloud, server, rebuild={"imageRef": image_id})
    shown = _settled(cloud, server, "ACTIVE")

    assert shown["image"]["id"] == image_id
    until(lambda: "login:" in cloud.console(server), "the rebuilt guest to be up")


def test_a_guest_is_shelved_and_comes_back(cloud: RealCloud, server: str) -> None:
    _act(cloud, server, shelve=None)
    _settled(cloud, server, "SHELVED_OFFLOADED")
    assert cloud.guests() == {}
    assert not (cloud.state / "instances" / server).exists()

    _act(cloud, server, unshelve=None)
    _settled(cloud, server, "ACTIVE")

    until(lambda: "login:" in cloud.console(server), "the guest to be up again")


def test_a_guest_is_rescued_and_unrescued(cloud: RealCloud, server: str) -> None:
    folder = cloud.state / "instances" / server
    assert _act(cloud, server, rescue=None)["adminPass"]
    _settled(cloud, server, "RESCUE")
    beside = sorted(path.name for path in folder.glob("disk*") if ".base-" not in path.name)

    _act(cloud, server, unrescue=None)
    _settled(cloud, server, "ACTIVE")

    assert beside == ["disk", "disk.config", "disk.rescue"]
    assert not list(folder.glob("disk.rescue*"))


def test_an_interface_is_plugged_into_a_running_guest(cloud: RealCloud, server: str) -> None:
    network = {"name": "plug"}
    made = cloud.api.post("/network/v2.0/networks", json={"network": network}).json()["network"]
    subnet = {"network_id": made["id"], "cidr": "10.93.0.0/24", "ip_version": 4}
    cloud.api.post("/network/v2.0/subnets", json={"subnet": subnet})
    path = f"/compute/v2.1/servers/{server}/os-interface"

    answer = cloud.api.post(path, json={"interfaceAttachment": {"net_id": made["id"]}})

    assert answer.status_code == 200, answer.text
    one = f"{path}/{answer.json()['interfaceAttachment']['port_id']}"

    def state() -> str:
        found = cloud.api.get(one)
        gone = found.status_code == 404
        return "" if gone else str(found.json()["interfaceAttachment"]["port_state"])

    until(lambda: state() == "ACTIVE", "the port to be up")
    assert cloud.audited() == []
    assert cloud.api.delete(one).status_code == 202
    until(lambda: state() == "", "the port to be gone")
    assert cloud.audited() == []
