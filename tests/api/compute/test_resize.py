"""Resizing a server on its host."""

from typing import Any

import pytest

from tests.cloud import Client, Cloud

from .conftest import Compute
from .test_rebuild import _other_image

_BIGGER, _SMALLER_DISK = "2", "1"  # m1.small has 20 GB, m1.tiny 1 GB


def _resized(compute: Compute, name: str, flavor: str = "1", **more: Any) -> str:
    server_id = compute.boot(name, **more)
    answer = compute.act(server_id, resize={"flavorRef": flavor})
    assert answer.status_code == 202, answer.text
    compute.until(server_id, "VERIFY_RESIZE")
    return server_id


def _held(cloud: Cloud, server_id: str) -> dict[str, int]:
    found = cloud.admin.get(f"/placement/allocations/{server_id}").json()["allocations"]
    assert len(found) == 1
    return dict(next(iter(found.values()))["resources"])


def _ram_used(compute: Compute, client: Client | None = None) -> int:
    return int(
        compute.call("GET", "/limits", client=client).json()["limits"]["absolute"]["totalRAMUsed"]
    )


def test_a_resize_is_confirmed(compute: Compute, cloud: Cloud) -> None:
    server_id = _resized(compute, "confirm", _BIGGER)
    assert _held(cloud, server_id) == {"VCPU": 1, "MEMORY_MB": 2048, "DISK_GB": 20}

    answer = compute.act(server_id, confirmResize=None)

    assert answer.status_code == 204
    found = compute.until(server_id, "ACTIVE")
    assert (found["flavor"]["original_name"], found["flavor"]["disk"]) == ("m1.small", 20)
    assert _held(cloud, server_id) == {"VCPU": 1, "MEMORY_MB": 2048, "DISK_GB": 20}
    compute.remove(server_id)


def test_a_resize_is_reverted(compute: Compute, cloud: Cloud) -> None:
    before = _ram_used(compute)
    server_id = _resized(compute, "revert", _BIGGER)
    assert _ram_used(compute) - before == 2048

    answer = compute.act(server_id, revertResize=None)

    assert answer.status_code == 202
    assert compute.until(server_id, "ACTIVE")["flavor"]["original_name"] == "m1.nano"
    assert _held(cloud, server_id) == {"VCPU": 1, "MEMORY_MB": 128, "DISK_GB": 1}
    assert _ram_used(compute) - before == 128
    compute.remove(server_id)


def test_until_it_is_confirmed_a_smaller_server_holds_the_larger_flavor(
    compute: Compute, cloud: Cloud
) -> None:
    before = _ram_used(compute)
    server_id = _resized(compute, "down", "42", flavorRef="84")
    held = (_held(cloud, server_id)["MEMORY_MB"], _ram_used(compute) - before)
    compute.act(server_id, confirmResize=None)
    compute.until(server_id, "ACTIVE")

    assert held == (192, 192)
    assert (_held(cloud, server_id)["MEMORY_MB"], _ram_used(compute) - before) == (128, 128)
    compute.remove(server_id)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"flavorRef": "42"}, "When resizing, instances must change flavor!"),
        ({"flavorRef": "none"}, "Flavor none could not be found."),
        ({"flavorRef": None}, "flavorRef"),
        ({"flavorRef": ""}, "flavorRef"),
        ({}, "flavorRef"),
        ({"flavorRef": "1", "more": 1}, "more"),
    ],
)
def test_a_resize_that_cannot_be_is_a_400(
    compute: Compute, body: dict[str, Any], message: str
) -> None:
    server_id = compute.boot("bad")

    answer = compute.act(server_id, resize=body)

    assert answer.status_code == 400
    assert message in answer.json()["badRequest"]["message"]
    compute.remove(server_id)


def test_a_smaller_disk_is_a_400(compute: Compute) -> None:
    server_id = compute.boot("disk", flavorRef=_BIGGER)

    answer = compute.act(server_id, resize={"flavorRef": _SMALLER_DISK})

    assert answer.status_code == 400
    assert answer.json()["badRequest"]["message"] == (
        "Server disk was unable to be resized because: Unable to resize disk down."
    )
    compute.remove(server_id)


def test_over_quota_is_a_403_and_over_the_host_a_400(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("much")
    flavors = {}
    for name, ram, disk in (("ram", 1 << 20, 1), ("disk", 512, 1 << 24)):
        flavor = {"name": f"resize-{name}", "ram": ram, "disk": disk, "vcpus": 1}
        made = compute.call("POST", "/flavors", {"flavor": flavor}, cloud.admin)
        flavors[name] = made.json()["flavor"]["id"]

    over_quota = compute.act(server_id, resize={"flavorRef": flavors["ram"]})
    over_host = compute.act(server_id, resize={"flavorRef": flavors["disk"]})

    assert (over_quota.status_code, over_host.status_code) == (403, 400)
    assert "No valid host" in over_host.json()["badRequest"]["message"]
    assert compute.show(server_id)["status"] == "ACTIVE"
    for flavor_id in flavors.values():
        compute.call("DELETE", f"/flavors/{flavor_id}", client=cloud.admin)
    compute.remove(server_id)


def test_wrong_states_and_a_lock_are_409(compute: Compute) -> None:
    server_id = compute.boot("states")
    early = [compute.act(server_id, **{verb: None}) for verb in ("confirmResize", "revertResize")]
    compute.act(server_id, resize={"flavorRef": "1"})
    compute.until(server_id, "VERIFY_RESIZE")
    again = compute.act(server_id, resize={"flavorRef": "84"})
    stop = compute.act(server_id, **{"os-stop": None})
    compute.act(server_id, lock=None)
    locked = compute.act(server_id, confirmResize=None)
    compute.act(server_id, unlock=None)

    assert {answer.status_code for answer in (*early, again, stop, locked)} == {409}
    assert early[0].json()["conflictingRequest"]["message"] == (
        f"Cannot 'confirmResize' instance {server_id} while it is in vm_state active"
    )
    compute.remove(server_id)


def test_a_resized_server_can_be_deleted(compute: Compute, cloud: Cloud) -> None:
    server_id = _resized(compute, "delete")

    compute.remove(server_id)

    found = cloud.admin.get(f"/placement/allocations/{server_id}").json()["allocations"]
    assert found == {}


def test_an_admin_sees_the_migration_and_others_do_not(compute: Compute, cloud: Cloud) -> None:
    server_id = _resized(compute, "listed")
    path = f"/os-migrations?instance_uuid={server_id}"

    new = compute.call("GET", path, client=cloud.admin).json()["migrations"]
    old = compute.call("GET", path, client=cloud.admin, version="2.1").json()["migrations"]

    assert [(m["status"], m["migration_type"]) for m in new] == [("finished", "resize")]
    assert (new[0]["source_compute"], new[0]["dest_compute"]) == ("host-1", "host-1")
    assert (new[0]["old_instance_type_id"], new[0]["new_instance_type_id"]) == (42, 1)
    assert {"uuid", "user_id", "project_id"} <= new[0].keys()
    assert not {"uuid", "user_id", "migration_type"} & old[0].keys()
    assert compute.call("GET", path).status_code == 403
    of_server = f"/servers/{server_id}/migrations"
    assert compute.call("GET", of_server, client=cloud.admin).json() == {"migrations": []}
    one = compute.call("GET", f"{of_server}/{new[0]['id']}", client=cloud.admin)
    assert one.status_code == 404
    assert "is not live-migration" in one.json()["itemNotFound"]["message"]
    compute.remove(server_id)


def test_migrations_come_in_pages(compute: Compute, cloud: Cloud) -> None:
    servers = [_resized(compute, f"page-{index}") for index in range(2)]

    first = compute.call("GET", "/os-migrations?limit=1", client=cloud.admin).json()
    marker = first["migrations"][0]["uuid"]
    path = f"/os-migrations?limit=1&marker={marker}"
    second = compute.call("GET", path, client=cloud.admin).json()

    found = [page["migrations"][0]["instance_uuid"] for page in (first, second)]
    assert found == servers[::-1]
    assert first["migrations_links"][0]["rel"] == "next"
    unknown = compute.call("GET", "/os-migrations?marker=x", client=cloud.admin)
    assert unknown.status_code == 400
    for server_id in servers:
        compute.remove(server_id)


def test_a_flavor_with_less_memory_than_the_image_needs_is_a_400(
    compute: Compute, cloud: Cloud
) -> None:
    needs = _other_image(cloud, min_ram=256)
    server_id = compute.boot("hungry", imageRef=needs, flavorRef="1")

    answer = compute.act(server_id, resize={"flavorRef": "42"})

    assert answer.status_code == 400
    message = answer.json()["badRequest"]["message"]
    assert message.startswith("Flavor's memory is too small for requested image")
    compute.remove(server_id)
