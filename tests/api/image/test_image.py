"""Images: made, listed, changed, deleted, shared."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Make = Callable[..., dict[str, Any]]
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


def patch(client: httpx.Client, image_id: str, *ops: dict[str, Any]) -> httpx.Response:
    import json

    return client.patch(f"/v2/images/{image_id}", content=json.dumps(ops), headers=PATCH)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [image["id"] for image in answer.json()["images"]]


def test_versions_need_no_token(harness: Any) -> None:
    answer = httpx.get(harness.base + "/image")
    assert answer.status_code == 300
    assert answer.json()["versions"][0]["status"] == "CURRENT"


def test_an_image_shows_known_and_extra_properties(make: Make, demo: httpx.Client) -> None:
    made = make(os_distro="debian", tags=["b", "a"], min_disk=2)
    shown = demo.get(f"/v2/images/{made['id']}").json()
    assert (shown["os_distro"], shown["tags"], shown["min_disk"]) == ("debian", ["a", "b"], 2)
    assert (shown["status"], shown["visibility"], shown["owner"]) == ("queued", "shared", "demo")
    assert shown["file"] == f"/v2/images/{made['id']}/file"


def test_any_two_formats_go_together(make: Make) -> None:
    made = make(disk_format="ami", container_format="bare")

    assert (made["disk_format"], made["container_format"]) == ("ami", "bare")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x" * 300}, 400),
        ({"name": 7}, 400),
        ({"disk_format": "floppy"}, 400),
        ({"min_ram": -1}, 400),
        ({"os_distro": 5}, 400),
        ({"tags": "no"}, 400),
        ({"id": "not-a-uuid"}, 400),
        ({"status": "active"}, 403),
        ({"locations": []}, 403),
        ({"visibility": "public"}, 403),
        ({"owner": "other"}, 403),
        ([], 400),
    ],
)
def test_a_wrong_create_changes_nothing(demo: httpx.Client, body: Any, status: int) -> None:
    before = ids(demo.get("/v2/images"))
    assert demo.post("/v2/images", json=body).status_code == status
    assert ids(demo.get("/v2/images")) == before


def test_malformed_json_is_refused(demo: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    assert demo.post("/v2/images", content=b'{"a', headers=headers).status_code == 400


def test_an_id_is_taken_once(make: Make, demo: httpx.Client) -> None:
    made = make()
    assert demo.post("/v2/images", json={"id": made["id"]}).status_code == 409


def test_patch_changes_known_and_extra_properties(make: Make, demo: httpx.Client) -> None:
    made = make(os_distro="debian", gone="soon")
    answer = patch(
        demo,
        made["id"],
        {"op": "replace", "path": "/name", "value": "two"},
        {"op": "replace", "path": "/os_distro", "value": "ubuntu"},
        {"op": "add", "path": "/hw~1x", "value": "y"},
        {"op": "remove", "path": "/gone"},
        {"op": "replace", "path": "/tags", "value": ["t"]},
    )
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["name"], shown["os_distro"], shown["hw/x"]) == ("two", "ubuntu", "y")
    assert "gone" not in shown and shown["tags"] == ["t"]


@pytest.mark.parametrize(
    ("op", "status"),
    [
        ({"op": "replace", "path": "/status", "value": "active"}, 403),
        ({"op": "replace", "path": "/id", "value": "x"}, 403),
        ({"op": "replace", "path": "/visibility", "value": "public"}, 403),
        ({"op": "replace", "path": "/owner", "value": "other"}, 403),
        ({"op": "remove", "path": "/name"}, 403),
        ({"op": "remove", "path": "/nothing"}, 409),
        ({"op": "replace", "path": "/nothing", "value": "x"}, 409),
        ({"op": "move", "path": "/name"}, 400),
        ({"op": "replace", "path": "name", "value": "x"}, 400),
        ({"op": "replace", "path": "/name"}, 400),
        ({"op": "add", "path": "/size_x", "value": 5}, 400),
        ("no", 400),
    ],
)
def test_a_wrong_patch_changes_nothing(
    make: Make, demo: httpx.Client, op: Any, status: int
) -> None:
    made = make()
    answer = patch(demo, made["id"], {"op": "add", "path": "/kept", "value": "no"}, op)
    assert answer.status_code == status, answer.text
    assert demo.get(f"/v2/images/{made['id']}").json() == made


def test_patch_wants_its_own_media_type(make: Make, demo: httpx.Client) -> None:
    assert demo.patch(f"/v2/images/{make()['id']}", json=[]).status_code == 415


def test_another_project_does_not_see_it(make: Make, other: httpx.Client) -> None:
    path = f"/v2/images/{make()['id']}"
    assert other.get(path).status_code == 404
    assert other.delete(path).status_code == 404
    assert other.put(f"{path}/tags/x").status_code == 404


def test_a_reader_sees_public_images_but_changes_none(
    harness: Any, make: Make, admin: httpx.Client
) -> None:
    made = make()
    change = {"op": "replace", "path": "/visibility", "value": "public"}
    assert patch(admin, made["id"], change).status_code == 200
    reader = harness.client("reader")
    assert made["id"] in ids(reader.get("/v2/images"))
    assert reader.delete(f"/v2/images/{made['id']}").status_code == 403
    assert reader.post("/v2/images", json={}).status_code == 403


def test_a_protected_image_is_not_deleted(make: Make, demo: httpx.Client) -> None:
    made = make(protected=True)
    assert demo.delete(f"/v2/images/{made['id']}").status_code == 403
    patch(demo, made["id"], {"op": "replace", "path": "/protected", "value": False})
    assert demo.delete(f"/v2/images/{made['id']}").status_code == 204
    assert demo.get(f"/v2/images/{made['id']}").status_code == 404


def test_lists_are_filtered_sorted_and_paged(make: Make, demo: httpx.Client) -> None:
    a = make(name="a", disk_format="qcow2", tags=["red"], os_distro="x")["id"]
    b = make(name="b", os_hidden=True)["id"]
    c = make(name="c,d")["id"]
    get = lambda query: ids(demo.get(f"/v2/images?{query}"))  # noqa: E731
    assert get("sort=name:desc") == [c, a]
    assert get("os_hidden=true") == [b]
    assert get("name=in:a,%22c,d%22&sort=name:asc") == [a, c]
    assert get("tag=red") == get("disk_format=qcow2") == get("os_distro=x") == [a]
    assert get("created_at=gt:2000-01-01T00:00:00Z&sort_key=name&sort_dir=asc") == [a, c]
    assert get("visibility=private") == get("created_at=lt:2000-01-01T00:00:00Z") == []
    first = demo.get("/v2/images?sort=name:asc&limit=1").json()
    assert ids(demo.get(first["next"])) == [c]


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "sort_key=properties",
        "marker=none",
        "visibility=x",
        "member_status=x",
        "size_min=x",
        "status=x",
        "created_at=gt:x",
        "os_hidden=maybe",
        "name=in:%22a",
    ],
)
def test_wrong_list_queries_are_refused(demo: httpx.Client, query: str) -> None:
    assert demo.get(f"/v2/images?{query}").status_code == 400


def test_tags_come_and_go(make: Make, demo: httpx.Client) -> None:
    path = f"/v2/images/{make()['id']}"
    assert demo.put(f"{path}/tags/x").status_code == 204
    assert demo.get(path).json()["tags"] == ["x"]
    assert demo.delete(f"{path}/tags/x").status_code == 204
    assert demo.delete(f"{path}/tags/x").status_code == 404


def test_a_member_sees_accepts_and_cannot_change(
    make: Make, demo: httpx.Client, other: httpx.Client
) -> None:
    path = f"/v2/images/{make()['id']}"
    members = f"{path}/members"
    assert demo.post(members, json={"member": "other"}).json()["status"] == "pending"
    assert demo.post(members, json={"member": "other"}).status_code == 409
    assert other.get(path).status_code == 200
    assert ids(other.get("/v2/images")) == []
    mine = f"{members}/other"
    assert demo.put(mine, json={"status": "accepted"}).status_code == 403
    assert other.put(mine, json={"status": "maybe"}).status_code == 400
    assert other.put(mine, json={"status": "accepted"}).json()["status"] == "accepted"
    assert len(ids(other.get("/v2/images"))) == 1
    assert other.post(members, json={"member": "third"}).status_code == 403
    assert other.delete(mine).status_code == 403
    assert demo.delete(mine).status_code == 204
    assert other.get(path).status_code == 404


def test_only_shared_images_have_members(make: Make, demo: httpx.Client) -> None:
    made = make(visibility="private")
    answer = demo.post(f"/v2/images/{made['id']}/members", json={"member": "other"})
    assert answer.status_code == 403


def test_schemas_and_info_answer(demo: httpx.Client) -> None:
    for name in ("image", "images", "member", "members"):
        assert demo.get(f"/v2/schemas/{name}").json()["name"] == name
    methods = demo.get("/v2/info/import").json()["import-methods"]["value"]
    assert methods == ["glance-direct", "web-download", "copy-image", "glance-download"]
    assert demo.get("/v2/info/stores").json()["stores"] == [
        {"id": "file", "description": "Local files", "default": "true"}
    ]
    assert demo.get("/v2/info/stores/detail").status_code == 403


def test_an_image_without_an_id_is_404(demo: httpx.Client) -> None:
    assert demo.get("/v2/images/").status_code == 404
    assert demo.delete("/v2/images/").status_code == 404
