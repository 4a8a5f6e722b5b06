"""Images made of servers."""

from typing import Any

import pytest

from tests.cloud import Cloud

from .conftest import Compute


def _image(cloud: Cloud, image_id: str) -> dict[str, Any]:
    return dict(cloud.demo.get(f"/image/v2/images/{image_id}").json())


def _until_active(cloud: Cloud, image_id: str) -> dict[str, Any]:
    def active() -> dict[str, Any] | None:
        found = _image(cloud, image_id)
        return found if found["status"] == "active" else None

    return dict(cloud.until(active, "the image to be active"))


def _forget(cloud: Cloud, *image_ids: str) -> None:
    for image_id in image_ids:
        assert cloud.demo.delete(f"/image/v2/images/{image_id}").status_code == 204


def test_an_image_is_made_of_a_server_and_boots(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("origin")

    answer = compute.act(server_id, createImage={"name": "snap", "metadata": {"colour": "red"}})

    assert (answer.status_code, list(answer.json())) == (202, ["image_id"])
    found = _until_active(cloud, answer.json()["image_id"])
    assert (found["name"], found["visibility"], found["disk_format"]) == (
        "snap",
        "private",
        "qcow2",
    )
    assert (found["owner"], found["min_disk"]) == (cloud.demo.project_id, 1)
    assert (found["image_type"], found["instance_uuid"]) == ("snapshot", server_id)
    assert (found["base_image_ref"], found["colour"]) == (compute.image, "red")
    compute.until(server_id, "ACTIVE")
    second = compute.boot("copy", imageRef=found["id"])
    for one in (second, server_id):
        compute.remove(one)
    _forget(cloud, found["id"])


def test_before_2_45_the_image_is_named_by_the_location(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("old")
    path = f"/servers/{server_id}/action"

    answer = compute.call("POST", path, {"createImage": {"name": "snap"}}, version="2.44")

    assert (answer.status_code, answer.content) == (202, b"")
    image_id = answer.headers["Location"].rpartition("/image/v2/images/")[2]
    _until_active(cloud, image_id)
    compute.until(server_id, "ACTIVE")
    actions = compute.call("GET", f"/servers/{server_id}/os-instance-actions").json()
    assert actions["instanceActions"][0]["action"] == "createImage"
    compute.remove(server_id)
    _forget(cloud, image_id)


def test_backups_replace_the_oldest_of_their_type(compute: Compute, cloud: Cloud) -> None:
    server_id = compute.boot("backup")
    made = []
    for number, kind in enumerate(("daily", "weekly", "daily", "daily")):
        body = {"name": f"b{number}", "backup_type": kind, "rotation": "2"}
        answer = compute.act(server_id, createBackup=body)
        assert answer.status_code == 202, answer.text
        made.append(answer.json()["image_id"])
        compute.until(server_id, "ACTIVE")

    def names() -> set[str]:
        found = cloud.demo.get("/image/v2/images", params={"image_type": "backup"}).json()
        return {image["name"] for image in found["images"]}

    cloud.settle()
    assert names() == {"b1", "b2", "b3"}
    body = {"name": "none", "backup_type": "daily", "rotation": 0}
    assert compute.act(server_id, createBackup=body).status_code == 202
    compute.until(server_id, "ACTIVE")
    cloud.settle()
    assert names() == {"b1"}
    compute.remove(server_id)
    _forget(cloud, made[1])


@pytest.mark.parametrize(
    "action",
    [
        {"createImage": {}},
        {"createImage": {"name": ""}},
        {"createImage": {"name": "x", "metadata": {"a": 1}}},
        {"createImage": {"name": "x", "metadata": {"owner": "me"}}},
        {"createBackup": {"name": "x", "rotation": 1}},
        {"createBackup": {"name": "x", "backup_type": "daily", "rotation": -1}},
        {"createBackup": {"name": "x", "backup_type": "daily"}},
    ],
)
def test_a_bad_body_is_a_400(compute: Compute, action: dict[str, Any]) -> None:
    server_id = compute.boot("bad")

    assert compute.act(server_id, **action).status_code == 400

    compute.remove(server_id)


def test_too_much_metadata_is_a_403(compute: Compute) -> None:
    server_id = compute.boot("meta")
    meta = {f"key{number}": "v" for number in range(129)}

    assert compute.act(server_id, createImage={"name": "x", "metadata": meta}).status_code == 403

    compute.remove(server_id)


def test_a_wrong_state_and_a_lock_are_409(compute: Compute) -> None:
    server_id = compute.boot("states")
    compute.act(server_id, resize={"flavorRef": "1"})
    compute.until(server_id, "VERIFY_RESIZE")
    resized = compute.act(server_id, createImage={"name": "x"})
    compute.act(server_id, revertResize=None)
    compute.until(server_id, "ACTIVE")
    compute.act(server_id, lock=None)
    locked = compute.act(server_id, createImage={"name": "x"})
    compute.act(server_id, unlock=None)

    assert (resized.status_code, locked.status_code) == (409, 409)
    compute.remove(server_id)
