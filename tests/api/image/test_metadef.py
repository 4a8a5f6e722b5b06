"""Definitions of metadata: namespaces and what stands in them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pileus import image
from pileus.core.db import Database

from .conftest import Harness

ROOT = "/v2/metadefs/namespaces"
PROPERTY = {"name": "speed", "title": "Speed", "type": "integer", "minimum": 1, "maximum": 9}
OBJECT = {
    "name": "engine",
    "description": "What drives it",
    "required": ["power"],
    "properties": {"power": {"title": "Power", "type": "string", "enum": ["low", "high"]}},
}
Define = Callable[..., str]


@pytest.fixture
def define(admin: httpx.Client) -> Iterator[Define]:
    made: list[str] = []

    def create(name: str = "Test::One", **values: Any) -> str:
        answer = admin.post(ROOT, json={"namespace": name, "visibility": "public"} | values)
        assert answer.status_code == 201, answer.text
        made.append(name)
        return f"{ROOT}/{name}"

    yield create
    for name in made:
        admin.put(f"{ROOT}/{name}", json={"namespace": name, "protected": False})
        admin.delete(f"{ROOT}/{name}")


def test_a_namespace_shows_all_that_is_in_it(define: Define, demo: httpx.Client) -> None:
    path = define(
        display_name="One",
        properties={"speed": {"title": "Speed", "type": "integer"}},
        objects=[OBJECT],
        tags=[{"name": "red"}],
        resource_type_associations=[{"name": "OS::Glance::Image", "prefix": "hw_"}],
    )

    shown = demo.get(path).json()

    assert (shown["namespace"], shown["owner"], shown["protected"]) == ("Test::One", "admin", False)
    assert shown["self"] == path and shown["schema"] == "/v2/schemas/metadefs/namespace"
    assert shown["properties"]["speed"]["title"] == "Speed"
    assert shown["objects"][0]["properties"]["power"]["enum"] == ["low", "high"]
    assert shown["tags"] == [{"name": "red"}]
    assert shown["resource_type_associations"][0]["prefix"] == "hw_"
    of_images = demo.get(path, params={"resource_type": "OS::Glance::Image"}).json()
    assert list(of_images["properties"]) == ["hw_speed"]
    assert of_images["objects"][0]["required"] == ["hw_power"]


def test_namespaces_are_listed_filtered_and_paged(define: Define, demo: httpx.Client) -> None:
    define("Test::A", resource_type_associations=[{"name": "OS::Nova::Flavor"}])
    define("Test::B")
    define("Test::C", visibility="private")

    def names(query: str) -> list[str]:
        answer = demo.get(f"{ROOT}?{query}")
        assert answer.status_code == 200, answer.text
        return [one["namespace"] for one in answer.json()["namespaces"]]

    assert names("sort_key=namespace&sort_dir=asc") == ["Test::A", "Test::B"]
    assert names("resource_types=OS::Nova::Flavor,x") == ["Test::A"]
    assert names("visibility=private") == []
    first = demo.get(f"{ROOT}?sort_key=namespace&sort_dir=asc&limit=1").json()
    assert [one["namespace"] for one in demo.get(first["next"]).json()["namespaces"]] == ["Test::B"]
    assert first["schema"] == "/v2/schemas/metadefs/namespaces"
    for query in ("visibility=x", "limit=x", "marker=none", "sort_key=x", "sort_dir=x"):
        assert demo.get(f"{ROOT}?{query}&sort_key=namespace").status_code in (200, 400)


def test_a_private_namespace_is_its_owners(
    define: Define, demo: httpx.Client, admin: httpx.Client
) -> None:
    path = define(visibility="private", objects=[OBJECT])

    assert demo.get(path).status_code == 404
    for inner in ("objects", "properties", "tags", "resource_types", "objects/engine"):
        assert demo.get(f"{path}/{inner}").status_code == 404
    assert admin.get(path).status_code == 200


def test_only_an_admin_defines(define: Define, demo: httpx.Client) -> None:
    path = define(objects=[OBJECT], properties={"speed": PROPERTY}, tags=[{"name": "red"}])

    assert demo.post(ROOT, json={"namespace": "Mine"}).status_code == 403
    assert demo.put(path, json={"namespace": "Test::One"}).status_code == 403
    assert demo.delete(path).status_code == 403
    for inner, name, body in (
        ("objects", "engine", OBJECT),
        ("properties", "speed", PROPERTY),
        ("tags", "red", {"name": "blue"}),
    ):
        assert demo.put(f"{path}/{inner}/{name}", json=body).status_code == 403
        assert demo.delete(f"{path}/{inner}/{name}").status_code == 403
        assert demo.delete(f"{path}/{inner}").status_code == 403
        assert demo.get(f"{path}/{inner}/{name}").status_code == 200
    assert demo.post(f"{path}/objects", json=OBJECT | {"name": "x"}).status_code == 403
    assert demo.post(f"{path}/resource_types", json={"name": "x"}).status_code == 403


def test_a_namespace_is_changed_and_renamed_with_all_in_it(
    define: Define, admin: httpx.Client
) -> None:
    path = define(objects=[OBJECT], description="old")
    define("Test::Taken")

    assert admin.put(path, json={"namespace": "Test::Taken"}).status_code == 409
    shown = admin.put(path, json={"namespace": "Test::New", "display_name": "New"}).json()

    assert (shown["namespace"], shown["visibility"]) == ("Test::New", "private")
    assert "description" not in shown
    assert admin.get(path).status_code == 404
    assert admin.get(f"{ROOT}/Test::New/objects/engine").status_code == 200
    assert admin.delete(f"{ROOT}/Test::New").status_code == 204


def test_a_protected_namespace_is_not_deleted(define: Define, admin: httpx.Client) -> None:
    path = define(protected=True, tags=[{"name": "red"}])

    assert admin.delete(path).status_code == 403
    assert admin.delete(f"{path}/tags").status_code == 403
    admin.put(path, json={"namespace": "Test::One", "protected": False})
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


def test_a_namespace_exists_once(define: Define, admin: httpx.Client) -> None:
    define()

    assert admin.post(ROOT, json={"namespace": "Test::One"}).status_code == 409


def test_an_object_comes_changes_and_goes(define: Define, admin: httpx.Client) -> None:
    path = define()

    made = admin.post(f"{path}/objects", json=OBJECT)

    assert made.status_code == 201
    assert made.json()["self"] == f"{path}/objects/engine"
    assert admin.post(f"{path}/objects", json=OBJECT).status_code == 409
    changed = admin.put(f"{path}/objects/engine", json={"name": "motor"}).json()
    assert (changed["name"], changed["properties"], changed["required"]) == ("motor", {}, [])
    listed = admin.get(f"{path}/objects").json()
    assert [one["name"] for one in listed["objects"]] == ["motor"]
    assert admin.delete(f"{path}/objects/motor").status_code == 204
    assert admin.get(f"{path}/objects/motor").status_code == 404


def test_a_property_comes_changes_and_goes(define: Define, admin: httpx.Client) -> None:
    path = define(resource_type_associations=[{"name": "OS::Glance::Image", "prefix": "hw_"}])

    assert admin.post(f"{path}/properties", json=PROPERTY).json() == PROPERTY

    assert admin.post(f"{path}/properties", json=PROPERTY).status_code == 409
    prefixed = f"{path}/properties/hw_speed?resource_type=OS::Glance::Image"
    assert admin.get(prefixed).json()["name"] == "hw_speed"
    assert admin.get(f"{path}/properties/speed?resource_type=OS::Glance::Image").status_code == 404
    body = PROPERTY | {"name": "pace", "title": "Pace"}
    assert admin.put(f"{path}/properties/speed", json=body).json()["title"] == "Pace"
    assert list(admin.get(f"{path}/properties").json()["properties"]) == ["pace"]
    assert admin.delete(f"{path}/properties/pace").status_code == 204
    assert admin.get(f"{path}/properties").json() == {"properties": {}}


def test_tags_come_change_and_go(define: Define, admin: httpx.Client) -> None:
    path = define()
    two = {"tags": [{"name": "a"}, {"name": "b"}]}

    def names() -> list[str]:
        return sorted(one["name"] for one in admin.get(f"{path}/tags").json()["tags"])

    assert admin.post(f"{path}/tags", json=two).json() == two
    assert admin.post(f"{path}/tags/c").status_code == 201
    assert admin.post(f"{path}/tags/c").status_code == 409
    assert names() == ["a", "b", "c"]
    append = {"X-Openstack-Append": "True"}
    assert admin.post(f"{path}/tags", json=two, headers=append).status_code == 409
    more = {"tags": [{"name": "d"}]}
    assert admin.post(f"{path}/tags", json=more, headers=append).status_code == 201
    assert names() == ["a", "b", "c", "d"]
    assert admin.post(f"{path}/tags", json=two).status_code == 201
    assert names() == ["a", "b"]
    assert admin.put(f"{path}/tags/a", json={"name": "z"}).json()["name"] == "z"
    assert admin.put(f"{path}/tags/z", json={"name": "b"}).status_code == 409
    assert admin.delete(f"{path}/tags/z").status_code == 204
    assert admin.delete(f"{path}/tags/z").status_code == 404
    assert admin.delete(f"{path}/tags").status_code == 204
    assert names() == []


def test_resource_types_are_associated(
    define: Define, admin: httpx.Client, demo: httpx.Client
) -> None:
    path = define()
    known = [
        one["name"] for one in demo.get("/v2/metadefs/resource_types").json()["resource_types"]
    ]
    assert "OS::Glance::Image" in known

    body = {"name": "My::Type", "prefix": "my_", "properties_target": "image"}
    made = admin.post(f"{path}/resource_types", json=body)

    assert (made.status_code, made.json()["prefix"]) == (201, "my_")
    assert admin.post(f"{path}/resource_types", json=body).status_code == 409
    found = demo.get(f"{path}/resource_types").json()["resource_type_associations"]
    assert [one["name"] for one in found] == ["My::Type"]
    assert admin.delete(f"{path}/resource_types/My::Type").status_code == 204
    assert admin.delete(f"{path}/resource_types/My::Type").status_code == 404


@pytest.mark.parametrize(
    ("inner", "body", "status"),
    [
        ("", {}, 400),
        ("", [], 400),
        ("", {"namespace": "x" * 81}, 400),
        ("", {"namespace": 5}, 400),
        ("", {"namespace": "n", "visibility": "shared"}, 400),
        ("", {"namespace": "n", "self": "x"}, 403),
        ("", {"namespace": "n", "colour": "red"}, 400),
        ("", {"namespace": "n", "objects": [OBJECT, OBJECT]}, 409),
        ("", {"namespace": "n", "properties": {"x": {"title": "no type"}}}, 400),
        ("/Test::One/objects", {"name": ""}, 400),
        ("/Test::One/objects", {"name": "x", "properties": {"y": 5}}, 400),
        ("/Test::One/objects", {"name": "x", "required": ["a", "a"]}, 400),
        ("/Test::One/properties", {"name": "x", "type": "string"}, 400),
        ("/Test::One/properties", {"name": "x", "title": "x", "type": "text"}, 400),
        ("/Test::One/properties", PROPERTY | {"pattern": "("}, 400),
        ("/Test::One/properties", PROPERTY | {"minLength": -1}, 400),
        ("/Test::One/properties", PROPERTY | {"created_at": "x"}, 403),
        ("/Test::One/tags", {"tags": [{"name": "a"}, {"name": "a"}]}, 409),
        ("/Test::One/tags", {}, 400),
        ("/Test::One/resource_types", {"prefix": "x"}, 400),
        ("/None/objects", OBJECT, 404),
    ],
)
def test_a_wrong_definition_changes_nothing(
    define: Define, admin: httpx.Client, inner: str, body: Any, status: int
) -> None:
    path = define()
    before = admin.get(path).json()

    assert admin.post(ROOT + inner, json=body).status_code == status

    assert admin.get(path).json() == before
    assert admin.get(f"{ROOT}/n").status_code == 404


def test_the_schemas_of_definitions_answer(demo: httpx.Client) -> None:
    for name in ("namespace", "object", "property", "tag"):
        assert demo.get(f"/v2/schemas/metadefs/{name}").json()["name"] == name
    for name in ("namespaces", "objects", "properties", "tags", "resource_types"):
        assert demo.get(f"/v2/schemas/metadefs/{name}").status_code == 200


def test_definitions_are_loaded_from_a_folder(
    harness: Harness, demo: httpx.Client, admin: httpx.Client, tmp_path: Path
) -> None:
    body = {"namespace": "Test::File", "visibility": "public", "tags": [{"name": "a"}]}
    (tmp_path / "one.json").write_text(json.dumps(body))
    db = harness.parts[Database]
    bodies = image.read_definitions(tmp_path)

    assert db.run(lambda tx: image.load_definitions(tx, bodies, "new")) == 1

    assert db.run(lambda tx: image.load_definitions(tx, bodies, "new")) == 0
    admin.post(f"{ROOT}/Test::File/tags/b")
    assert db.run(lambda tx: image.load_definitions(tx, bodies, "merge")) == 1
    assert len(demo.get(f"{ROOT}/Test::File").json()["tags"]) == 2
    db.run(lambda tx: image.load_definitions(tx, bodies, "replace"))
    assert demo.get(f"{ROOT}/Test::File").json()["tags"] == [{"name": "a"}]
    admin.delete(f"{ROOT}/Test::File")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"namespace": 5}'])
def test_a_bad_file_of_definitions_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)

    with pytest.raises(image.BadDefinitions, match=r"bad\.json"):
        image.read_definitions(tmp_path)


def test_a_folder_without_definitions_is_told(tmp_path: Path) -> None:
    with pytest.raises(image.BadDefinitions):
        image.read_definitions(tmp_path)
