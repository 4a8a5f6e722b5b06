"""Rebuilding a server from an image."""

import base64
from typing import Any

import pytest

from tests.cloud import Cloud

from .conftest import Compute

_NOBODY = "00000000-0000-4000-8000-000000000000"


def _other_image(cloud: Cloud, **more: Any) -> str:
    body = {"name": "other", "disk_format": "raw", "container_format": "bare", **more}
    image_id = str(cloud.demo.post("/image/v2/images", json=body).json()["id"])
    headers = {"Content-Type": "application/octet-stream"}
    path = f"/image/v2/images/{image_id}/file"
    assert cloud.demo.put(path, content=bytes(4096), headers=headers).status_code == 204
    return image_id


def test_a_rebuild_keeps_the_id_and_takes_what_the_body_says(
    compute: Compute, cloud: Cloud
) -> None:
    image_id = _other_image(cloud)
    server_id = compute.boot("old", metadata={"old": "1"})
    data = base64.b64encode(b"#!/bin/sh\n").decode()
    body = {
        "imageRef": image_id,
        "name": "new",
        "adminPass": "pw",
        "metadata": {"new": "2"},
        "description": "said",
        "user_data": data,
        "accessIPv4": "10.1.1.1",
        "OS-DCF:diskConfig": "AUTO",
    }

    answer = compute.act(server_id, rebuild=body)

    assert answer.status_code == 202
    shown = answer.json()["server"]
    assert (shown["id"], shown["status"], shown["adminPass"]) == (server_id, "REBUILD", "pw")
    assert (shown["user_data"], shown["key_name"]) == (data, None)
    assert answer.headers["Location"].endswith(f"/servers/{server_id}")
    found = compute.until(server_id, "ACTIVE")
    assert found["image"]["id"] == image_id
    assert (found["name"], found["metadata"], found["description"]) == ("new", {"new": "2"}, "said")
    assert (found["accessIPv4"], found["OS-DCF:diskConfig"]) == ("10.1.1.1", "AUTO")
    compute.remove(server_id)


def test_what_a_body_does_not_name_stays(compute: Compute) -> None:
    server_id = compute.boot("stays", metadata={"a": "1"}, description="d")

    answer = compute.act(server_id, rebuild={"imageRef": compute.image})

    assert answer.json()["server"]["adminPass"]
    found = compute.until(server_id, "ACTIVE")
    assert (found["name"], found["metadata"], found["description"]) == ("stays", {"a": "1"}, "d")
    actions = compute.call("GET", f"/servers/{server_id}/os-instance-actions").json()
    assert actions["instanceActions"][0]["action"] == "rebuild"
    compute.remove(server_id)


def test_a_key_is_given_and_taken_from_2_54(compute: Compute) -> None:
    made = compute.call("POST", "/os-keypairs", {"keypair": {"name": "k-rebuild"}}, version="2.53")
    assert made.status_code == 201, made.text
    server_id = compute.boot("key", key_name="k-rebuild")
    body: dict[str, Any] = {"imageRef": compute.image, "key_name": None}

    path = f"/servers/{server_id}/action"
    early = compute.call("POST", path, {"rebuild": body}, version="2.53")
    wrong = compute.act(server_id, rebuild=body | {"key_name": "unknown"})
    taken = compute.act(server_id, rebuild=body)

    assert (early.status_code, wrong.status_code, taken.status_code) == (400, 400, 202)
    assert compute.until(server_id, "ACTIVE")["key_name"] is None
    compute.remove(server_id)
    compute.call("DELETE", "/os-keypairs/k-rebuild")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"imageRef": ""},
        {"imageRef": "x"},
        {"imageRef": _NOBODY},
        {"preserve_ephemeral": True},
        {"name": ""},
        {"user_data": "***"},
        {"metadata": {"a": 1}},
        {"fly": True},
    ],
)
def test_a_rebuild_that_cannot_be_is_a_400(compute: Compute, body: dict[str, Any]) -> None:
    server_id = compute.boot("bad")
    wanted = body if body == {} or "imageRef" in body else {"imageRef": compute.image} | body

    answer = compute.act(server_id, rebuild=wanted)

    assert answer.status_code == 400
    compute.remove(server_id)


def test_an_image_that_does_not_fit_is_a_400(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("fit")

    for more in ({"min_disk": 5}, {"min_ram": 4096}):
        image_id = _other_image(cloud, **more)
        answer = compute.act(server_id, rebuild={"imageRef": image_id})
        assert answer.status_code == 400
        assert "is too small for requested image" in answer.json()["badRequest"]["message"]
    compute.remove(server_id)


def test_a_wrong_state_and_a_lock_are_409(compute: Compute) -> None:
    server_id = compute.boot("states")
    compute.act(server_id, pause=None)
    compute.until(server_id, "PAUSED")
    paused = compute.act(server_id, rebuild={"imageRef": compute.image})
    compute.act(server_id, unpause=None)
    compute.until(server_id, "ACTIVE")
    compute.act(server_id, lock=None)
    locked = compute.act(server_id, rebuild={"imageRef": compute.image})
    compute.act(server_id, unlock=None)

    assert (paused.status_code, locked.status_code) == (409, 409)
    compute.remove(server_id)
