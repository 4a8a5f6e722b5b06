"""What every service gives alike: ids, versions, tokens, bodies, faults."""

import os
import re
from collections.abc import AsyncIterator

import pytest

from .conftest import Toy

BOXES = "/toy/v1/boxes"


def test_every_answer_has_a_request_id(toy: Toy) -> None:
    for answer in (toy("GET", BOXES), toy("GET", "/toy/none"), toy("GET", "/elsewhere")):
        assert re.fullmatch(r"req-[0-9a-f-]{36}", answer.headers["X-Openstack-Request-Id"])


def test_no_token_is_401_with_a_challenge(toy: Toy) -> None:
    answer = toy("GET", BOXES, who="")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Keystone uri="http://toy')
    assert answer.json()["error"]["code"] == 401


def test_an_unknown_token_is_401(toy: Toy) -> None:
    assert toy("GET", BOXES, who="stranger").status_code == 401


def test_an_open_route_needs_no_token(toy: Toy) -> None:
    assert toy("GET", "/toy", who="").json() == {"open": True}


def test_policy_refuses_with_403(toy: Toy) -> None:
    answer = toy("POST", BOXES, who="reader", json={"box": {"name": "a"}})

    assert answer.status_code == 403
    assert "change" in answer.json()["forbidden"]["message"]


@pytest.mark.parametrize(
    ("asked", "status", "answered"),
    [
        ("", 200, "toy 2.1"),
        ("toy 2.5", 200, "toy 2.5"),
        ("toy latest", 200, "toy 2.9"),
        ("other 9.9", 200, "toy 2.1"),
        ("toy 2.10", 406, "toy 2.1"),
        ("toy 1.9", 406, "toy 2.1"),
        ("toy nonsense", 400, "toy 2.1"),
        ("toy 2.05", 400, "toy 2.1"),
    ],
)
def test_a_microversion_is_negotiated(toy: Toy, asked: str, status: int, answered: str) -> None:
    answer = toy("GET", BOXES, headers={"OpenStack-API-Version": asked} if asked else {})

    assert answer.status_code == status
    assert answer.headers["OpenStack-API-Version"] == answered
    assert "OpenStack-API-Version" in answer.headers["Vary"]


def test_the_legacy_header_works_too(toy: Toy) -> None:
    answer = toy("GET", BOXES, headers={"X-OpenStack-Toy-API-Version": "2.5"})

    assert answer.headers["X-OpenStack-Toy-API-Version"] == "2.5"


def test_a_route_does_not_exist_before_its_microversion(toy: Toy) -> None:
    new = {"OpenStack-API-Version": "toy 2.5"}

    assert toy("GET", "/toy/v1/new").status_code == 404
    assert toy("GET", "/toy/v1/new", headers=new).status_code == 200


def test_a_wrong_method_says_which_are_possible(toy: Toy) -> None:
    answer = toy("PATCH", BOXES)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"box": NaN}',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"box": {"name": "\\ud800"}}',
        b"null",
        b"[]",
        b"5",
        b"",
        b'{"boxes": {}}',
        b'{"box": null}',
        b'{"box": []}',
        b'{"box": {"name": {"a": 1}}}',
    ],
)
def test_a_malformed_body_is_400_and_changes_nothing(toy: Toy, body: bytes) -> None:
    answer = toy("POST", BOXES, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400, answer.text
    assert toy("GET", BOXES).json() == {"boxes": []}


def test_a_body_over_the_limit_is_413(toy: Toy) -> None:
    answer = toy("POST", BOXES, json={"box": {"name": "x" * 200_000}})

    assert answer.status_code == 413


def test_another_content_type_is_415(toy: Toy) -> None:
    answer = toy("POST", BOXES, content=b"name=a", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 415


def test_a_fault_leaves_nothing_of_its_transaction(toy: Toy) -> None:
    assert toy("POST", "/toy/v1/half").status_code == 409
    assert toy("GET", BOXES).json() == {"boxes": []}


def test_a_race_for_a_unique_name_is_409(toy: Toy) -> None:
    toy("POST", BOXES, json={"box": {"name": "a"}})

    assert toy("POST", BOXES, json={"box": {"name": "a"}}).status_code == 409


def test_a_bug_says_no_more_than_where_to_look(toy: Toy) -> None:
    answer = toy("POST", "/toy/v1/bug")

    assert answer.status_code == 500
    assert "a bug" not in answer.text


@pytest.mark.parametrize("body", [{}, {"a": 1, "b": 1}, {"c": 1}, []])
def test_an_unknown_action_is_400(toy: Toy, body: object) -> None:
    assert toy("POST", f"{BOXES}/x/action", json=body).status_code == 400


def test_an_action_is_chosen_by_its_key(toy: Toy) -> None:
    assert toy("POST", f"{BOXES}/x/action", json={"b": None}).json() == {"did": "b"}


def test_a_stream_comes_back(toy: Toy) -> None:
    data = b"0123456789" * 100_000

    assert toy("PUT", "/toy/v1/stream", content=data).content == data


@pytest.mark.parametrize("query", ["name=%ff", "name=%00", "limit=-1", "limit=x", "sort_key=zz"])
def test_a_query_that_cannot_be_is_400(toy: Toy, query: str) -> None:
    assert toy("GET", f"{BOXES}?{query}").status_code == 400


@pytest.mark.parametrize("name", ["a%0d%0aX-Evil:%201", "a%09b", "%7f", "%E2%98%83"])
def test_a_name_in_a_path_cannot_make_a_header(toy: Toy, name: str) -> None:
    answer = toy("PUT", f"/toy/v1/named/{name}")

    assert answer.status_code == 201
    assert "X-Evil" not in answer.headers
    assert answer.headers["Location"].isascii()
    assert answer.headers["Location"].isprintable()
    assert not re.search(r"[\x00-\x1f\x7f]", answer.headers["X-Name"])


def test_a_url_that_is_too_long_is_414(toy: Toy) -> None:
    answer = toy("GET", f"{BOXES}?name={'x' * 20_000}")

    assert answer.status_code == 414
    assert answer.json()["computeFault"]["code"] == 414


def test_a_query_that_the_database_finds_too_complex_is_400(toy: Toy) -> None:
    query = "&".join(["name=a"] * 900)

    answer = toy("GET", f"/toy/v1/complex?{query}")

    if os.environ.get("PILEUS_TEST_DATABASE") == "postgresql":
        assert answer.status_code == 200  # its limits lie further out than a URL may be long
    else:
        assert answer.status_code == 400
        assert "too much at once" in answer.json()["badRequest"]["message"]


@pytest.mark.parametrize("depth", [70, 300, 900, 950, 980, 990, 995])
def test_a_body_that_is_nested_too_deeply_is_400(toy: Toy, depth: int) -> None:
    body = b'{"box": {"name": ' + b"[" * depth + b"]" * depth + b"}}"

    answer = toy("POST", BOXES, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


def test_a_body_may_have_many_brackets_that_are_not_deep(toy: Toy) -> None:
    body = b'{"box": {"name": "' + b"[{" * 500 + b'"}, "list": [' + b"[]," * 500 + b"[]]}"

    answer = toy("POST", f"{BOXES}/x/action", content=body, headers={})

    assert "nested" not in answer.text


def test_a_body_that_says_it_is_too_large_is_refused_unread(toy: Toy) -> None:
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield b" " * 100_000

    answer = toy("POST", BOXES, content=endless(), headers={"Content-Length": "100000000"})

    assert answer.status_code == 413
    assert len(sent) <= 1
