"""Imports survive crashes at any line: the image is there whole in each store, or queued."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pileus import image
from pileus.core.backend import Broken
from pileus.image import Image, ImageStore, Stores
from pileus.image.settings import Place
from pileus.image.upload import store

from ..api.image.web import Web, serving
from .crash import World, everywhere

DATA = bytes(range(256)) * 40


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A second store, and transfers that are done in the flow's own thread."""
    folder = world.config.state / "second"
    settings = image.Settings(
        stores=(Place("file"), Place("second", options={"path": str(folder)})),
        allowed_ports=(),
        allowed_networks=("127.0.0.1/32",),
    )

    def furnish() -> None:
        parts = world.app.parts
        image.furnish(parts, world.config.shared / "images", settings)
        parts.add(image.Transfers(world.app.db, 0))

    live = world.live

    def again() -> None:
        live()
        furnish()

    monkeypatch.setattr(world, "live", again)
    furnish()
    return world


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as made:
        made.files["/disk"] = DATA
        yield made


def made(world: World) -> str:
    status, body = world.image(
        "POST", "/images", {"disk_format": "raw", "container_format": "bare"}
    )
    assert status == 201, body
    return str(body["id"])


def staged(world: World) -> str:
    image_id, parts = made(world), world.app.parts
    row = world.app.db.read(lambda tx: tx.get(Image, image_id))
    assert row is not None
    store(parts, row, world.app.db.ids.uuid(), "uploading", [DATA])
    return image_id


def ask(world: World, image_id: str, name: str, **more: Any) -> str:
    method = {"name": name} | ({"uri": more.pop("uri")} if "uri" in more else {})
    answer = world.image("POST", f"/images/{image_id}/import", {"method": method} | more)
    assert answer[0] == 202, answer
    return image_id


def show(world: World, image_id: str) -> Any:
    return world.image("GET", f"/images/{image_id}")[1]


def whole(world: World, image_id: str, *names: str) -> None:
    shown = show(world, image_id)
    assert (shown["status"], shown["stores"]) == ("active", ",".join(names))
    row = world.app.db.read(lambda tx: tx.get(Image, image_id))
    assert row is not None
    assert b"".join(world.app.parts[Stores].read(row, 0, len(DATA) - 1)) == DATA
    for name in names:
        assert world.app.parts[Stores][name].size(image_id) == len(DATA)
    clean(world, image_id)


def clean(world: World, image_id: str) -> None:
    assert world.app.parts[ImageStore].partials() == set()
    assert world.audit() == []
    assert world.image("DELETE", f"/images/{image_id}")[0] == 204
    assert image_id not in world.app.parts[Stores]["second"].names()
    assert world.audit() == []


def test_a_staged_image_that_crashes_anywhere_comes_to_all_stores(world: World) -> None:
    points = everywhere(
        "image.import, glance-direct",
        world,
        lambda w: ask(w, staged(w), "glance-direct", all_stores=True),
        lambda w, image_id: whole(w, image_id, "file", "second"),
    )

    assert points > 50


def test_a_download_that_crashes_anywhere_comes_about(world: World, web: Web) -> None:
    points = everywhere(
        "image.import, web-download",
        world,
        lambda w: ask(w, made(w), "web-download", uri=f"{web.base}/disk"),
        lambda w, image_id: whole(w, image_id, "file"),
    )

    assert points > 50


def test_a_copy_that_crashes_anywhere_comes_about(world: World) -> None:
    def arrange(world: World) -> str:
        image_id = ask(world, staged(world), "glance-direct", stores=["second"])
        world.settle()
        return ask(world, image_id, "copy-image", stores=["file"])

    everywhere(
        "image.import, copy-image",
        world,
        arrange,
        lambda w, image_id: whole(w, image_id, "file", "second"),
    )


def test_a_refused_import_that_crashes_anywhere_leaves_a_queued_image(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_words: object) -> None:
        raise Broken("the folder is read-only")

    monkeypatch.setattr("pileus.image.places.Folder.put", refuse)

    def check(world: World, image_id: str) -> None:
        shown = show(world, image_id)
        assert (shown["status"], shown.get("stores")) == ("queued", None)
        tasks = world.image("GET", f"/images/{image_id}/tasks")[1]["tasks"]
        assert [one["status"] for one in tasks] == ["failure"]
        clean(world, image_id)

    everywhere(
        "image.import, refused",
        world,
        lambda w: ask(w, staged(w), "glance-direct", all_stores=True),
        check,
    )


def test_every_step_of_an_import_may_run_twice(world: World, web: Web) -> None:
    world.repeat_steps()
    image_id = ask(world, made(world), "web-download", uri=f"{web.base}/disk", all_stores=True)

    world.settle()

    whole(world, image_id, "file", "second")


def test_a_delete_in_the_middle_leaves_nothing(world: World, tmp_path: Path) -> None:
    image_id = ask(world, staged(world), "glance-direct", all_stores=True)
    world.app.engine._one_step(image_id)

    assert world.image("DELETE", f"/images/{image_id}")[0] == 204
    world.settle()

    assert world.app.parts[ImageStore].partials() == set()
    assert world.app.parts[Stores]["second"].names() == set()
    assert world.audit() == []
