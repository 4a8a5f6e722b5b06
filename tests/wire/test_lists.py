"""Lists: filters, sorting, paging by key."""

import pytest

from .conftest import Toy

BOXES = "/toy/v1/boxes"


@pytest.fixture
def full(toy: Toy) -> Toy:
    for number in range(7):
        body = {"name": f"b{number}", "size": number % 3}
        assert toy("POST", BOXES, json={"box": body}).status_code == 201
    return toy


def _names(toy: Toy, query: str) -> list[str]:
    answer = toy("GET", f"{BOXES}?{query}")
    assert answer.status_code == 200, answer.text
    return [box["name"] for box in answer.json()["boxes"]]


def test_the_newest_comes_first(full: Toy) -> None:
    assert _names(full, "")[0] == "b6"


def test_sorted_by_two_keys(full: Toy) -> None:
    query = "sort_key=size&sort_dir=desc&sort_key=name&sort_dir=asc"

    assert _names(full, query) == ["b2", "b5", "b1", "b4", "b0", "b3", "b6"]


def test_the_other_way_to_say_sort(full: Toy) -> None:
    assert _names(full, "sort=size:desc,name:asc")[:3] == ["b2", "b5", "b1"]


def test_filters_add_up(full: Toy) -> None:
    assert _names(full, "size=1&name=b4") == ["b4"]
    assert set(_names(full, "name=b1&name=b2")) == {"b1", "b2"}


@pytest.mark.parametrize("sort", ["", "sort=size:asc", "sort=size:desc,name:asc", "sort=note:asc"])
def test_pages_make_up_the_whole(full: Toy, sort: str) -> None:
    new = {"OpenStack-API-Version": "toy 2.5"}
    path, seen = f"{BOXES}?limit=2&{sort}", []
    while path:
        answer = full("GET", path, headers=new).json()
        seen += [box["name"] for box in answer["boxes"]]
        path = answer.get("boxes_links", [{}])[0].get("href", "")

    whole = full("GET", f"{BOXES}?{sort}", headers=new).json()["boxes"]
    assert seen == [box["name"] for box in whole]


def test_a_marker_that_is_not_there_is_400(full: Toy) -> None:
    assert full("GET", f"{BOXES}?marker=nobody").status_code == 400


def test_one_is_shown_updated_and_deleted(full: Toy) -> None:
    box = full("GET", f"{BOXES}?name=b1").json()["boxes"][0]
    one = f"{BOXES}/{box['id']}"

    assert full("PUT", one, json={"box": {"name": "c1"}}).json()["box"]["name"] == "c1"
    assert full("DELETE", one).status_code == 204
    assert full("GET", one).status_code == 404


def test_a_reader_does_not_see_what_a_rule_hides(full: Toy) -> None:
    assert "OS-EXT:secret" in full("GET", BOXES).json()["boxes"][0]
    assert "OS-EXT:secret" not in full("GET", BOXES, who="reader").json()["boxes"][0]
