"""The same questions get the same answers on every database, whatever language it sorts by."""

from collections.abc import Iterator

import pytest

from ..cloud import Cloud

NAMES = ["b", "A", "a", "B", "Z", "z", "é", "_x", "x", "10", "9", "a b", "a-b", "ß", "日", "50%"]
V2 = "/network/v2.0/networks"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    url = ""
    if request.param == "postgresql":
        # A database that would sort a, A, b, B by itself.
        url = request.getfixturevalue("postgresql").new_database(icu="en-US")
    made = Cloud(tmp_path_factory.mktemp("answers"), database=url)
    for name in NAMES:
        body = {"network": {"name": name, "description": name * 3}}
        assert made.demo.post(V2, json=body).status_code == 201
    for name in NAMES:
        body = {"project": {"name": f"p{name}"}}
        assert made.admin.post("/identity/v3/projects", json=body).status_code == 201
    yield made
    made.close()


def _names(cloud: Cloud, query: str) -> list[str]:
    found = cloud.demo.get(f"{V2}?{query}").json()["networks"]
    return [one["name"] for one in found if one["name"] in NAMES]


def test_lists_sort_by_code_point(filled: Cloud) -> None:
    assert _names(filled, "sort_key=name&sort_dir=asc") == sorted(NAMES)


def test_pages_continue_where_the_last_one_ended(filled: Cloud) -> None:
    found: list[str] = []
    marker = ""
    while True:
        query = f"sort_key=name&sort_dir=desc&limit=3{marker}"
        page = filled.demo.get(f"{V2}?{query}").json()["networks"]
        found += [one["name"] for one in page if one["name"] in NAMES]
        if len(page) < 3:
            break
        marker = f"&marker={page[-1]['id']}"

    assert found == sorted(NAMES, reverse=True)


def test_names_are_compared_with_regard_to_case(filled: Cloud) -> None:
    assert _names(filled, "name=A") == ["A"]


@pytest.mark.parametrize(
    ("how", "value", "found"),
    [
        ("contains", "B", {"pA B", "pa b", "pb", "pB", "pa-b"}),
        ("startswith", "PA", {"pA", "pa", "pa b", "pa-b"}),
        ("icontains", "50%25", {"p50%"}),
        ("contains", "_", {"p_x"}),
    ],
)
def test_parts_of_names_are_found_alike(
    filled: Cloud, how: str, value: str, found: set[str]
) -> None:
    query = f"name__{how}={value}"

    listed = filled.admin.get(f"/identity/v3/projects?{query}").json()["projects"]

    assert {one["name"] for one in listed} == found & {f"p{name}" for name in NAMES}


def test_a_null_character_is_a_bad_request(filled: Cloud) -> None:
    answer = filled.demo.post(V2, json={"network": {"name": "a\x00b"}})

    assert answer.status_code == 400
