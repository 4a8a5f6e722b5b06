"""Shelving servers."""

from typing import Any

import pytest

from tests.cloud import Cloud

from .conftest import Compute


def _shelved(compute: Compute, name: str, **more: Any) -> str:
    server_id = compute.boot(name, **more)
    assert compute.act(server_id, shelve=None).status_code == 202
    compute.until(server_id, "SHELVED_OFFLOADED")
    return server_id


def test_a_shelved_server_holds_no_host_and_comes_back(compute: Compute, cloud: Cloud) -> None:
    server_id = _shelved(compute, "away")
    shelved = compute.show(server_id, client=cloud.admin)
    path = f"/placement/allocations/{server_id}"
    held = cloud.admin.get(path).json()["allocations"]
    images = cloud.demo.get("/image/v2/images", params={"name": "away-shelved"}).json()["images"]

    answer = compute.act(server_id, unshelve=None)

    assert (shelved["OS-EXT-SRV-ATTR:host"], held, len(images)) == (None, {}, 1)
    assert shelved["OS-EXT-STS:power_state"] == 0
    assert answer.status_code == 202
    compute.until(server_id, "ACTIVE")
    assert cloud.admin.get(path).json()["allocations"] != {}
    assert cloud.demo.get(f"/image/v2/images/{images[0]['id']}").status_code == 404
    compute.remove(server_id)


def test_a_server_that_came_back_is_resized_with_its_own_disk(
    compute: Compute, cloud: Cloud
) -> None:
    server_id = _shelved(compute, "grown")
    compute.act(server_id, unshelve=None)
    compute.until(server_id, "ACTIVE")
    before = cloud.machine.compute._guests[server_id].disks

    compute.act(server_id, resize={"flavorRef": "1"})
    compute.until(server_id, "VERIFY_RESIZE")

    assert cloud.machine.compute._guests[server_id].disks == before
    compute.remove(server_id)


def test_a_zone_and_a_host_are_named_by_microversion(compute: Compute, cloud: Cloud) -> None:
    server_id = _shelved(compute, "zone")
    path = f"/servers/{server_id}/action"

    def code(wish: Any, version: str = "2.96", client: Any = None) -> int:
        return compute.call("POST", path, {"unshelve": wish}, client, version).status_code

    assert code({"availability_zone": "none"}) == 400
    assert code({"availability_zone": None}, "2.90") == 400
    assert (code({}), code({"fly": 1}), code({"host": "host-1"}, "2.90")) == (400, 400, 400)
    assert code({"host": "host-1"}) == 403
    assert code({"host": "none"}, client=cloud.admin) == 400
    assert code({"availability_zone": "nova", "host": "host-1"}, client=cloud.admin) == 202
    found = compute.until(server_id, "ACTIVE")
    assert found["pinned_availability_zone"] == "nova"
    compute.remove(server_id)


def test_wrong_states_and_a_lock_are_409(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("states")
    path = f"/servers/{server_id}/action"
    early = compute.act(server_id, unshelve=None)
    offload = compute.call("POST", path, {"shelveOffload": None}, cloud.admin)
    compute.act(server_id, lock=None)
    locked = compute.act(server_id, shelve=None)
    compute.act(server_id, unlock=None)

    assert (early.status_code, offload.status_code, locked.status_code) == (409, 409, 409)
    assert compute.act(server_id, shelveOffload=None).status_code == 403
    compute.remove(server_id)


@pytest.mark.parametrize("action", ["os-start", "pause", "resize", "rebuild", "createImage"])
def test_a_shelved_server_is_left_alone(compute: Compute, action: str) -> None:
    server_id = _shelved(compute, "alone")
    body: dict[str, Any] = {
        "resize": {"flavorRef": "1"},
        "rebuild": {"imageRef": compute.image},
        "createImage": {"name": "x"},
    }

    assert compute.act(server_id, **{action: body.get(action)}).status_code == 409

    compute.remove(server_id)
