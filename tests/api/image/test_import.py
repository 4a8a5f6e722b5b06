"""Imports from the web and from other regions, locations, and tasks."""

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from pileus import image
from pileus.core.backend import Refused
from pileus.image.settings import Place

from ...wait import until
from . import crafted
from .conftest import Harness, served
from .test_image import patch
from .web import Web, serving

OCTETS = {"Content-Type": "application/octet-stream"}
STORES = (Place("file", description="Local files"), Place("web", "http"))


@pytest.fixture(scope="module")
def harness(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]
) -> Iterator[Harness]:
    settings = image.Settings(
        stores=STORES,
        show_multiple_locations=True,
        allowed_ports=(),
        allowed_networks=("127.0.0.1/32",),
        image_size_cap=1 << 20,
    )
    with served(tmp_path_factory.mktemp("import"), new_database(), settings) as made:
        yield made


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as made:
        yield made


Make = Callable[..., dict[str, Any]]


def imported(client: httpx.Client, image_id: str, uri: str) -> httpx.Response:
    body = {"method": {"name": "web-download", "uri": uri}}
    return client.post(f"/v2/images/{image_id}/import", json=body)


def settled(client: httpx.Client, image_id: str) -> dict[str, Any]:
    path = f"/v2/images/{image_id}/tasks"

    def task() -> Any:
        found = client.get(path).json()["tasks"][0]
        return found if found["status"] in ("success", "failure") else None

    return dict(until(task, "the import", 60))


def test_a_url_is_imported(harness: Harness, make: Make, demo: httpx.Client, web: Web) -> None:
    data = crafted.qcow2()
    web.files["/disk"] = data
    made = make(disk_format="qcow2")

    assert imported(demo, made["id"], f"{web.base}/disk").status_code == 202

    task = settled(demo, made["id"])
    assert (task["status"], task["result"]) == ("success", {"image_id": made["id"]})
    shown = demo.get(f"/v2/images/{made['id']}").json()
    assert (shown["status"], shown["stores"]) == ("active", "file")
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert demo.get(f"/v2/images/{made['id']}/file").content == data
    assert harness.audit() == []


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("file:///etc/passwd", 400),
        ("ftp://example.org/x", 400),
        ("http://user@example.org/x", 400),
        ("", 400),
        (7, 400),
    ],
)
def test_a_wrong_url_is_refused_at_once(
    make: Make, demo: httpx.Client, uri: Any, status: int
) -> None:
    made = make()

    assert imported(demo, made["id"], uri).status_code == status

    assert demo.get(f"/v2/images/{made['id']}").json()["status"] == "queued"


def test_an_address_inside_is_never_reached(
    harness: Harness, make: Make, demo: httpx.Client, web: Web
) -> None:
    made = make()
    inside = web.base.replace("127.0.0.1", "127.0.0.2")

    imported(demo, made["id"], f"{inside}/disk")

    assert "not allowed" in settled(demo, made["id"])["message"]
    assert demo.get(f"/v2/images/{made['id']}").json()["status"] == "queued"
    assert (web.asked, harness.files()) == ([], [])


@pytest.mark.parametrize("case", ["missing", "large", "evil"])
def test_a_failed_import_leaves_a_queued_image(
    harness: Harness, make: Make, demo: httpx.Client, web: Web, case: str
) -> None:
    if case != "missing":
        web.files["/disk"] = bytes(2 << 20) if case == "large" else crafted.qcow2(backing=9)
    made = make(disk_format="raw" if case == "large" else "qcow2")

    imported(demo, made["id"], f"{web.base}/disk")

    task = settled(demo, made["id"])
    assert task["status"] == "failure" and task["message"]
    assert demo.get(f"/v2/images/{made['id']}").json()["status"] == "queued"
    assert harness.files() == []
    assert harness.audit() == []


def test_a_delete_ends_an_import(
    harness: Harness, make: Make, demo: httpx.Client, admin: httpx.Client, web: Web
) -> None:
    web.files["/disk"] = os.urandom(1000)
    web.gate.clear()
    made = make()
    imported(demo, made["id"], f"{web.base}/disk")
    until(lambda: web.asked, "the download", 30)

    assert demo.delete(f"/v2/images/{made['id']}").status_code == 204
    web.gate.set()

    until(lambda: harness.files() == [], "the files to go", 30)
    assert harness.audit() == []


def test_two_imports_at_once_are_refused(make: Make, demo: httpx.Client, web: Web) -> None:
    web.files["/disk"] = b"x"
    web.gate.clear()
    made = make()
    assert imported(demo, made["id"], f"{web.base}/disk").status_code == 202

    assert imported(demo, made["id"], f"{web.base}/disk").status_code == 409

    web.gate.set()
    assert settled(demo, made["id"])["status"] == "success"


def test_imports_want_the_right_state(make: Make, demo: httpx.Client, web: Web) -> None:
    made = make()
    demo.put(f"/v2/images/{made['id']}/file", content=b"x", headers=OCTETS)

    assert imported(demo, made["id"], f"{web.base}/disk").status_code == 409


def test_another_project_imports_nothing(make: Make, other: httpx.Client, web: Web) -> None:
    made = make()

    assert imported(other, made["id"], f"{web.base}/x").status_code == 404
    assert other.get(f"/v2/images/{made['id']}/tasks").status_code == 404


def test_others_do_not_see_where_an_image_came_from(
    make: Make, demo: httpx.Client, other: httpx.Client, web: Web
) -> None:
    web.files["/disk?secret"] = b"x"
    made = make(visibility="community")
    imported(demo, made["id"], f"{web.base}/disk?secret")
    settled(demo, made["id"])

    assert other.get(f"/v2/images/{made['id']}/tasks").json() == {"tasks": []}


def test_a_location_is_hashed_and_shown(
    make: Make, demo: httpx.Client, admin: httpx.Client, web: Web
) -> None:
    data = os.urandom(5000)
    web.files["/disk"] = data
    made = make()
    path = f"/v2/images/{made['id']}"
    given = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(data).hexdigest()}
    body = {"url": f"{web.base}/disk", "validation_data": given}

    assert demo.post(f"{path}/locations", json=body).status_code == 202

    assert settled(demo, made["id"])["type"] == "location_import"
    shown = demo.get(path).json()
    assert (shown["status"], shown["stores"], shown["os_hash_algo"]) == ("active", "web", "sha256")
    assert shown["os_hash_value"] == given["os_hash_value"]
    assert demo.get(f"{path}/file").content == data
    assert demo.get(f"{path}/locations").status_code == 403
    place = {"url": body["url"], "metadata": {"store": "web"}}
    assert admin.get(f"{path}/locations").json() == [place]


def test_a_location_with_another_hash_is_refused(make: Make, demo: httpx.Client, web: Web) -> None:
    web.files["/disk"] = b"other"
    made = make()
    given = {"os_hash_algo": "sha512", "os_hash_value": "beefdead" * 16}
    body = {"url": f"{web.base}/disk", "validation_data": given}

    demo.post(f"/v2/images/{made['id']}/locations", json=body)

    assert "hash" in settled(demo, made["id"])["message"]
    assert demo.get(f"/v2/images/{made['id']}").json()["status"] == "queued"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "s3://bucket/key"},
        {"url": "file:///etc/passwd"},
        {"url": "http://x/", "validation_data": {"os_hash_value": "00"}},
        {
            "url": "http://x/",
            "validation_data": {"os_hash_algo": "sha512", "os_hash_value": "00"},
        },
        {
            "url": "http://x/",
            "validation_data": {"os_hash_algo": "sha123", "os_hash_value": "00" * 64},
        },
    ],
)
def test_a_wrong_location_is_refused(make: Make, demo: httpx.Client, body: Any) -> None:
    made = make()

    assert demo.post(f"/v2/images/{made['id']}/locations", json=body).status_code == 400


def test_locations_are_patched_where_they_are_visible(
    make: Make, demo: httpx.Client, admin: httpx.Client, web: Web
) -> None:
    web.files["/disk"] = b"12345"
    web.files["/more"] = b"12345"
    made = make()
    assert made["locations"] == []
    first = {"url": f"{web.base}/disk", "metadata": {"foo": "bar"}}
    second = {"url": f"{web.base}/more", "metadata": {}}
    add = {"op": "add", "path": "/locations/-"}

    shown = patch(demo, made["id"], add | {"value": first}).json()

    assert (shown["status"], shown["size"], shown["os_hash_value"]) == ("active", 5, None)
    assert shown["locations"][0]["metadata"] == {"foo": "bar", "store": "web"}
    assert patch(demo, made["id"], add | {"value": first}).status_code == 400
    assert patch(demo, made["id"], add | {"value": second}).status_code == 200
    assert demo.get(f"/v2/images/{made['id']}/file").content == b"12345"
    remove = {"op": "remove", "path": "/locations/0"}
    assert patch(demo, made["id"], remove).status_code == 403
    left = patch(admin, made["id"], remove).json()["locations"]
    assert [one["url"] for one in left] == [second["url"]]
    assert patch(admin, made["id"], remove).status_code == 403
    replace = {"op": "replace", "path": "/locations"}
    other = patch(admin, made["id"], replace | {"value": [first]})
    assert other.status_code == 400
    dated = [second | {"metadata": {"date": "today"}}]
    shown = patch(demo, made["id"], replace | {"value": dated}).json()["locations"]
    assert shown[0]["metadata"] == {"date": "today", "store": "web"}
    empty = {"op": "replace", "path": "/locations", "value": []}
    assert patch(demo, made["id"], empty).status_code == 403


@pytest.mark.parametrize(
    "op",
    [
        {"op": "add", "path": "/locations/-", "value": {"url": "file:///etc/passwd"}},
        {"op": "add", "path": "/locations/-", "value": {"url": "http://127.0.0.2/x"}},
        {"op": "add", "path": "/locations/-", "value": {}},
        {"op": "add", "path": "/locations/-", "value": 5},
        {"op": "add", "path": "/locations", "value": []},
        {"op": "replace", "path": "/locations", "value": [5]},
        {"op": "add", "path": "/name/-", "value": "x"},
    ],
)
def test_a_wrong_patch_of_locations_changes_nothing(
    make: Make, demo: httpx.Client, op: Any
) -> None:
    made = make()

    assert patch(demo, made["id"], op).status_code == 400

    assert demo.get(f"/v2/images/{made['id']}").json() == made


def test_hashes_are_told_once_with_a_location(
    make: Make, demo: httpx.Client, harness: Harness, web: Web
) -> None:
    data = b"12345" * 100
    web.files["/disk"] = web.files["/more"] = data
    made = make()
    told = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(data).hexdigest()}
    told["checksum"] = hashlib.md5(data).hexdigest()

    def add(name: str, **given: str) -> int:
        value = {"url": f"{web.base}/{name}", "validation_data": given}
        op = {"op": "add", "path": "/locations/-", "value": value}
        return patch(demo, made["id"], op).status_code

    assert add("disk", os_hash_algo="sha256", os_hash_value="00" * 32) == 409
    assert add("disk", **told | {"os_hash_value": "no"}) == 409
    assert add("disk", **told) == 200
    assert add("more", **told | {"checksum": "2" * 32}) == 409
    assert add("more", **told) == 200

    shown = demo.get(f"/v2/images/{made['id']}").json()
    assert {key: shown[key] for key in told} == told
    assert len(shown["locations"]) == 2
    path = image.near(harness.parts, made["id"])
    assert path is not None and path.read_bytes() == data


def test_bytes_of_a_location_with_another_hash_start_no_guest(
    make: Make, demo: httpx.Client, harness: Harness, web: Web
) -> None:
    web.files["/disk"] = b"true"
    made = make()
    told = {"os_hash_algo": "sha512", "os_hash_value": "deadbeef" * 16}
    value = {"url": f"{web.base}/disk", "validation_data": told}
    patch(demo, made["id"], {"op": "add", "path": "/locations/-", "value": value})

    with pytest.raises(Refused, match="not those that were stored"):
        image.near(harness.parts, made["id"])


def test_a_location_that_lies_about_its_format_starts_no_guest(
    harness: Harness, make: Make, demo: httpx.Client, web: Web
) -> None:
    web.files["/disk"] = crafted.qcow2(backing=9)
    made = make(disk_format="raw")
    value = {"url": f"{web.base}/disk"}
    patch(demo, made["id"], {"op": "add", "path": "/locations/-", "value": value})

    with pytest.raises(Refused, match="content is qcow2"):
        image.near(harness.parts, made["id"])


def test_the_tasks_api_is_the_admins(demo: httpx.Client, admin: httpx.Client, web: Web) -> None:
    web.files["/disk"] = b"x" * 600
    body = {
        "type": "import",
        "input": {
            "import_from": f"{web.base}/disk",
            "import_from_format": "raw",
            "image_properties": {"name": "by task", "container_format": "bare"},
        },
    }
    assert demo.post("/v2/tasks", json=body).status_code == 403

    answer = admin.post("/v2/tasks", json=body)

    assert answer.status_code == 201, answer.text
    task = answer.json()
    assert answer.headers["Location"] == f"/v2/tasks/{task['id']}"
    done = settled(admin, task["image_id"])
    assert (done["id"], done["status"]) == (task["id"], "success")
    assert admin.get(f"/v2/images/{done['result']['image_id']}").json()["name"] == "by task"
    listed = admin.get("/v2/tasks", params={"status": "success", "type": "import"}).json()
    assert [one["id"] for one in listed["tasks"]] == [task["id"]]
    assert "input" not in listed["tasks"][0]
    assert admin.get(f"/v2/tasks/{task['id']}").json()["input"] == body["input"]
    assert admin.delete(f"/v2/tasks/{task['id']}").status_code == 405
    assert admin.get("/v2/tasks/nothing").status_code == 404
    assert admin.get("/v2/tasks?status=x").status_code == 400
    admin.delete(f"/v2/images/{task['image_id']}")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "import"},
        {"type": "export", "input": {}},
        {"type": "import", "input": {}},
        {"type": "import", "input": 5},
        {
            "type": "import",
            "input": {
                "import_from": "file:///etc/passwd",
                "import_from_format": "raw",
                "image_properties": {},
            },
        },
    ],
)
def test_a_wrong_task_is_refused(admin: httpx.Client, body: Any) -> None:
    before = len(admin.get("/v2/images").json()["images"])

    assert admin.post("/v2/tasks", json=body).status_code == 400

    assert len(admin.get("/v2/images").json()["images"]) == before


@pytest.mark.parametrize(
    "method",
    [
        {"name": "glance-download"},
        {"name": "glance-download", "glance_region": "R"},
        {"name": "glance-download", "glance_region": "R", "glance_image_id": "foo"},
    ],
)
def test_a_wrong_glance_download_is_refused(
    make: Make, demo: httpx.Client, method: dict[str, str]
) -> None:
    made = make()

    answer = demo.post(f"/v2/images/{made['id']}/import", json={"method": method})

    assert answer.status_code == 400


def test_a_glance_download_from_nowhere_fails(make: Make, demo: httpx.Client) -> None:
    made = make(os_distro="windows")
    method = {"name": "glance-download", "glance_region": "not a region"}
    method["glance_image_id"] = "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c"

    demo.post(f"/v2/images/{made['id']}/import", json={"method": method})

    assert "no public endpoint" in settled(demo, made["id"])["message"]
    shown = demo.get(f"/v2/images/{made['id']}").json()
    assert (shown["status"], shown["os_distro"]) == ("queued", "windows")
