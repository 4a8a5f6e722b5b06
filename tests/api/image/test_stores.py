"""Several stores: where bytes go, where they come from, and what becomes of them."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from pileus import image
from pileus.core.backend import Broken, Refused
from pileus.image.mend import mend
from pileus.image.settings import Place

from ...wait import until
from . import crafted
from .bucket import object_store, options
from .conftest import Harness, served

OCTETS = {"Content-Type": "application/octet-stream"}
ALL = "file,fast,s3"


@dataclass
class World:
    harness: Harness
    process: "subprocess.Popen[bytes]"
    demo: httpx.Client
    admin: httpx.Client

    def make(self, **values: Any) -> str:
        body = {"disk_format": "raw", "container_format": "bare"} | values
        made = self.demo.post("/v2/images", json=body)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def upload(self, image_id: str, data: bytes, store: str = "") -> httpx.Response:
        headers = OCTETS | ({"X-Image-Meta-Store": store} if store else {})
        return self.demo.put(f"/v2/images/{image_id}/file", content=data, headers=headers)

    def show(self, image_id: str) -> dict[str, Any]:
        return dict(self.demo.get(f"/v2/images/{image_id}").json())

    def send(self, image_id: str, body: Any, client: str = "demo") -> httpx.Response:
        return getattr(self, client).post(f"/v2/images/{image_id}/import", json=body)

    def settled(self, image_id: str) -> dict[str, Any]:
        def tasks() -> list[dict[str, Any]]:
            return list(self.demo.get(f"/v2/images/{image_id}/tasks").json()["tasks"])

        ended = ("success", "failure")
        until(lambda: all(one["status"] in ended for one in tasks()), "the import", 30)
        return tasks()[0]

    @property
    def stores(self) -> image.Stores:
        return self.harness.parts[image.Stores]


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("stores")
    with object_store() as (url, process):
        stores = (
            Place("file", description="Local files"),
            Place("fast", weight=5, options={"path": str(folder / "fast")}),
            Place("s3", "s3", options=options(url)),
        )
        settings = image.Settings(stores=stores, show_image_direct_url=True)
        with served(folder, new_database(), settings) as harness:
            yield World(harness, process, harness.client("demo"), harness.client("admin"))


@pytest.mark.parametrize("store", ["file", "fast", "s3"])
def test_bytes_go_to_the_store_that_is_asked_for(world: World, store: str) -> None:
    made, data = world.make(), os.urandom(3 << 20)

    assert world.upload(made, data, store).status_code == 204

    shown = world.show(made)
    assert (shown["stores"], shown["status"], shown["size"]) == (store, "active", 3 << 20)
    assert world.demo.get(f"/v2/images/{made}/file").content == data
    part = world.demo.get(f"/v2/images/{made}/file", headers={"Range": "bytes=1048570-1048579"})
    assert part.content == data[1048570:1048580]
    assert made in world.stores[store].names()
    assert shown["direct_url"] == world.stores[store].url(made)
    assert world.harness.audit() == []
    assert world.demo.delete(f"/v2/images/{made}").status_code == 204
    assert made not in world.stores[store].names()


def test_a_large_image_goes_to_a_bucket_in_parts(world: World) -> None:
    made, data = world.make(), os.urandom(1 << 20) * 20

    assert world.upload(made, data, "s3").status_code == 204

    assert world.demo.get(f"/v2/images/{made}/file").content == data


def test_an_unknown_store_is_refused(world: World) -> None:
    made = world.make()

    assert world.upload(made, b"x", "nowhere").status_code == 400

    assert world.show(made)["status"] == "queued"


def test_stores_are_told_without_their_secrets(world: World) -> None:
    found = world.admin.get("/v2/info/stores/detail").json()["stores"]

    assert [one["id"] for one in found] == ALL.split(",")
    assert found[2]["properties"]["bucket"] == "images"
    assert "secret" not in str(found[2])
    assert world.demo.get("/v2/info/stores/detail").status_code == 403


def test_a_created_image_tells_of_stores_and_methods(world: World) -> None:
    answer = world.demo.post("/v2/images", json={})

    assert answer.headers["OpenStack-image-store-ids"] == ALL
    assert "copy-image" in answer.headers["OpenStack-image-import-methods"]


def test_a_staged_image_is_imported_to_all_stores(world: World) -> None:
    made, data = world.make(), os.urandom(100_000)
    world.demo.put(f"/v2/images/{made}/stage", content=data, headers=OCTETS)

    answer = world.send(made, {"method": {"name": "glance-direct"}, "all_stores": True})

    assert answer.status_code == 202, answer.text
    task = world.settled(made)
    assert (task["status"], task["request_id"]) == (
        "success",
        answer.headers["X-Openstack-Request-Id"],
    )
    shown = world.show(made)
    assert (sorted(shown["stores"].split(",")), shown["status"]) == (
        sorted(ALL.split(",")),
        "active",
    )
    assert (shown["os_glance_importing_to_stores"], shown["os_glance_failed_import"]) == ("", "")
    assert world.harness.audit() == []


def test_an_image_is_copied_by_an_admin_only(world: World) -> None:
    made, data = world.make(), os.urandom(100_000)
    world.upload(made, data, "s3")
    body = {"method": {"name": "copy-image"}, "stores": ["file", "fast"]}

    assert world.send(made, body).status_code == 403
    assert world.send(made, body, "admin").status_code == 202

    assert world.settled(made)["status"] == "success"
    assert sorted(world.show(made)["stores"].split(",")) == sorted(ALL.split(","))
    assert world.stores["fast"].size(made) == len(data)
    again = world.send(made, body, "admin")
    assert again.status_code == 400
    body = {"method": {"name": "copy-image"}, "all_stores": True}
    assert world.send(made, body, "admin").status_code == 202  # there is nothing left to do


def test_one_copy_goes_and_the_last_stays(world: World) -> None:
    made = world.make()
    world.demo.put(f"/v2/images/{made}/stage", content=b"x", headers=OCTETS)
    world.send(made, {"method": {"name": "glance-direct"}, "stores": ["file", "fast"]})
    world.settled(made)

    assert world.demo.delete(f"/v2/stores/file/{made}").status_code == 403
    assert world.admin.delete(f"/v2/stores/s3/{made}").status_code == 404
    assert world.admin.delete(f"/v2/stores/nowhere/{made}").status_code == 409
    assert world.admin.delete(f"/v2/stores/file/{made}").status_code == 204

    assert world.show(made)["stores"] == "fast"
    assert not world.harness.parts[image.ImageStore].path(made).exists()
    assert world.demo.get(f"/v2/images/{made}/file").content == b"x"
    assert world.admin.delete(f"/v2/stores/fast/{made}").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"method": {"name": "glance-direct"}, "all_stores": True, "stores": ["file"]},
        {"method": {"name": "glance-direct"}, "all_stores": "yes"},
        {"method": {"name": "glance-direct"}, "all_stores_must_succeed": 1},
        {"method": {"name": "glance-direct"}, "stores": []},
        {"method": {"name": "nothing"}},
        {"method": {}},
        {},
        [],
    ],
)
def test_a_wrong_import_is_refused(world: World, body: Any) -> None:
    made = world.make()
    world.demo.put(f"/v2/images/{made}/stage", content=b"x", headers=OCTETS)

    assert world.send(made, body).status_code == 400

    assert world.show(made)["status"] == "uploading"


def test_the_bytes_of_a_distant_image_are_brought_near(world: World) -> None:
    made = world.make(disk_format="qcow2")
    world.upload(made, crafted.qcow2(), "s3")

    path = image.near(world.harness.parts, made)

    assert path is not None and path.read_bytes() == crafted.qcow2()
    assert path.parent.name == "cache"


def test_bytes_that_somebody_changed_are_not_used(world: World, tmp_path: Path) -> None:
    made = world.make()
    world.upload(made, b"good", "s3")
    other = tmp_path / "other"
    other.write_bytes(b"evil")
    world.stores["s3"].put(made, other)

    with pytest.raises(Refused, match="not those that were stored"):
        image.near(world.harness.parts, made)

    assert not world.stores.cache.path(made).exists()


def test_what_nobody_owns_in_a_store_is_found_and_removed(world: World, tmp_path: Path) -> None:
    orphan = "1c1f8f4e-0000-4000-8000-00000000000a"
    file = tmp_path / "orphan"
    file.write_bytes(b"x")
    world.stores["s3"].put(orphan, file)

    found = world.harness.audit()

    assert [one.detail for one in found] == [
        f"store s3 has bytes of image {orphan}, which has none there"
    ]
    found[0].violation.outside()
    assert world.harness.audit() == []


def test_the_cache_fills_shows_and_empties(world: World) -> None:
    made = world.make()
    world.upload(made, b"cached", "s3")
    queued = world.make()

    assert world.demo.get("/v2/cache").status_code == 403
    assert world.admin.put(f"/v2/cache/{queued}").status_code == 400
    assert world.admin.put("/v2/cache/nothing").status_code == 404
    assert world.admin.put(f"/v2/cache/{made}").status_code == 202

    cache(world)
    state = world.admin.get("/v2/cache").json()
    assert state["queued_images"] == []
    assert made in [one["image_id"] for one in state["cached_images"]]
    assert world.demo.get(f"/v2/images/{made}/file").content == b"cached"
    assert [c.hits for c in world.stores.cache.copies() if c.image_id == made] == [1]
    assert world.admin.delete(f"/v2/cache/{made}").status_code == 204
    assert made not in [c.image_id for c in world.stores.cache.copies()]
    assert world.admin.delete("/v2/cache/nothing").status_code == 404
    wrong = world.admin.delete("/v2/cache", headers={"x-image-cache-clear-target": "x"})
    assert wrong.status_code == 400
    assert world.admin.post("/v2/cache/clean").status_code == 200
    assert world.admin.post("/v2/cache/prune").json()["total_files_pruned"] == 0
    assert world.admin.get(f"/v2/cache/nodes/{made}").status_code == 409
    assert world.admin.delete("/v2/cache").status_code == 204
    assert world.admin.get("/v2/cache").json() == {"cached_images": [], "queued_images": []}


def cache(world: World) -> None:
    from pileus.image.near import cache as fill

    fill(world.harness.parts)


def test_a_local_image_is_cached_without_a_second_copy(world: World) -> None:
    made = world.make()
    world.upload(made, b"here", "file")
    world.admin.put(f"/v2/cache/{made}")

    cache(world)

    assert world.stores.cache.path(made).stat().st_nlink == 2


def test_a_silent_object_store_fails_the_import_and_leaves_nothing(world: World) -> None:
    """Last in this file: it kills the object store."""
    image_id, other = world.make(), world.make()
    for one in (image_id, other):
        world.demo.put(f"/v2/images/{one}/stage", content=b"x", headers=OCTETS)
    world.process.kill()
    world.process.wait()

    world.send(image_id, {"method": {"name": "glance-direct"}, "stores": ["fast", "s3"]})
    must_not = {"all_stores_must_succeed": False, "stores": ["fast", "s3"]}
    world.send(other, {"method": {"name": "glance-direct"}, **must_not})

    assert world.settled(image_id)["status"] == "failure"
    shown = world.show(image_id)
    assert (shown["status"], shown.get("stores")) == ("queued", None)
    assert world.stores["fast"].size(image_id) is None
    assert world.settled(other)["status"] == "success"
    shown = world.show(other)
    assert (shown["stores"], shown["os_glance_failed_import"]) == ("fast", "s3")
    mend(world.harness.parts)
    assert not [name for name in world.harness.files() if image_id in name]
    refused = world.upload(world.make(), b"x", "s3")
    assert refused.status_code == 503
    with pytest.raises(Broken):
        world.stores["s3"].names()
