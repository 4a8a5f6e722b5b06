"""What placement says of requests that are wrong, where clients look for the words."""

from typing import Any

import httpx
import pytest

from .conftest import Api, consumer

ROOT = "00000000-0000-4000-8000-000000000001"
AGG = "a0000000-0000-4000-8000-000000000001"


def detail(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    found: str = answer.json()["errors"][0]["detail"]
    return found


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"total": 0}, "JSON does not validate: 0 is less than the minimum of 1"),
        ({"total": 0}, "Failed validating 'minimum' in schema['properties']['total']"),
        ({"total": 2**31}, "Failed validating 'maximum'"),
        ({"total": "x"}, "'x' is not of type 'integer'"),
        ({}, "'total' is a required property. Failed validating 'required' in schema"),
        ({"total": 1, "odd": 1}, "Additional properties are not allowed ('odd' was unexpected)"),
        ({"total": 1, "reserved": 2}, "reserved is greater than total"),
    ],
)
def test_a_body_that_does_not_validate(api: Api, body: dict[str, Any], words: str) -> None:
    api.provider(1)
    body = {"resource_class": "VCPU"} | body

    answer = api.call("POST", f"/resource_providers/{ROOT}/inventories", body)

    assert words in detail(answer)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"consumer_type": "instance"}, "'instance' does not match '^[A-Z0-9_]+$'"),
        ({"project_id": ""}, "Failed validating 'minLength'"),
        ({"project_id": "x" * 256}, "Failed validating 'maxLength'"),
        ({"allocations": {"house": {}}}, "'house' does not match any of the regexes"),
        ({"allocations": {ROOT: {"resources": {}}}}, "should be non-empty"),
        ({"mappings": {"a": "b"}}, "'b' is not of type 'array'"),
    ],
)
def test_an_allocation_that_does_not_validate(api: Api, change: dict[str, Any], words: str) -> None:
    good = {
        "allocations": {},
        "project_id": "p",
        "user_id": "u",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    }

    answer = api.call("PUT", f"/allocations/{consumer(1)}", good | change)

    assert detail(answer).startswith("JSON does not validate: ")
    assert words in detail(answer)


@pytest.mark.parametrize(
    ("version", "query", "words"),
    [
        ("1.10", "", "'resources' is a required property"),
        ("1.24", "resources1=VCPU:1", "'resources1' was unexpected"),
        ("1.32", "resources01=VCPU:1", "'resources01' does not match any of the regexes"),
        ("1.33", "resources1@=VCPU:1", "'^member_of([a-zA-Z0-9_-]{1,64})?$'"),
        ("1.35", "required=A&required1=B", "orphaned traits keys: required, required1"),
        ("1.35", f"member_of1={AGG}", "orphaned member_of keys: member_of1"),
        ("1.35", f"resources=VCPU:1&in_tree1={AGG}", "All request groups must specify resources."),
        ("1.35", "limit=1", "At least one request group"),
        ("1.39", "resources=VCPU:1&limit=0", "'0' does not match '^[1-9][0-9]*$'"),
        ("1.39", "resources=VCPU:1&group_policy=x", "Invalid query string parameters: 'x'"),
        ("1.39", "resources=", "Got: empty string."),
        ("1.39", "resources=VCPU:1&required=A,!A", "following traits keys: required: (A)"),
        ("1.39", "resources=VCPU:1&required1=A,!A", "Resourceless suffixed group"),
        ("1.39", "resources=VCPU:x", "Requested resource VCPU expected positive integer amount."),
        ("1.39", "resources=VCPU:0", "Requested resource VCPU requires amount >= 1."),
        ("1.21", "resources=VCPU:1&required=!A", "of the form: HW_CPU_X86_VMX,CUSTOM_MAGIC."),
        ("1.22", "resources=VCPU:1&required=", "of the form: HW_CPU_X86_VMX,!CUSTOM_MAGIC."),
        ("1.38", "resources=VCPU:1&required=in:A,B", "only supported since microversion 1.39."),
        ("1.39", "resources=VCPU:1&required=in:A,!B", "does not support forbidden traits."),
        ("1.31", f"resources=VCPU:1&member_of=!{AGG}", "not supported in the specified micro"),
        ("1.39", "resources=VCPU:1&in_tree=x", "Expected 'in_tree' parameter to be a format of"),
    ],
)
def test_a_question_about_candidates_that_makes_no_sense(
    api: Api, version: str, query: str, words: str
) -> None:
    answer = api.at(version).call("GET", f"/allocation_candidates?{query}")

    assert words in detail(answer)


def test_an_empty_name_asks_for_nothing(api: Api) -> None:
    one = api.provider(1)

    found = api.get("/resource_providers?name=")["resource_providers"]

    assert [provider["uuid"] for provider in found] == [one]


def test_an_amount_may_have_spaces_around_it(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4})

    found = api.get("/allocation_candidates?resources=VCPU:1%20")

    assert list(found["provider_summaries"]) == [one]


def test_who_writes_says_that_it_is_json(api: Api) -> None:
    silent = api.call("POST", "/resource_providers")
    untyped = api.call("POST", "/resource_providers", content=b'{"name": "a"}')
    other = api.call(
        "POST", "/resource_providers", content=b"a", extra_headers={"Content-Type": "text/plain"}
    )
    malformed = api.call(
        "POST",
        "/resource_providers",
        content=b"{",
        extra_headers={"Content-Type": "application/json"},
    )
    bare = api.call("PUT", "/traits/CUSTOM_A")

    assert "The media type None is not supported" in detail(silent, 415)
    assert "content-type header required" in detail(untyped)
    assert other.status_code == 415
    assert "Malformed JSON: " in detail(malformed)
    assert bare.status_code == 201


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/plain", 406),
        ("text/html,application/xml;q=0.9", 406),
        ("application/json;q=0", 406),
        ("text/html,*/*;q=0.8", 200),
        ("application/json", 200),
        ("application/*", 200),
    ],
)
def test_only_json_is_provided(api: Api, accept: str, status: int) -> None:
    answer = api.call("GET", "/resource_providers", extra_headers={"Accept": accept})

    assert answer.status_code == status


def test_a_version_out_of_range_and_one_that_is_none(api: Api) -> None:
    early, late, odd = (api.at(v).call("GET", "/traits") for v in ("0.5", "1.99", "1.2.3"))

    assert "Unacceptable version header: 0.5" in detail(early, 406)
    assert "Unacceptable version header: 1.99" in detail(late, 406)
    assert "invalid version string: 1.2.3" in detail(odd)


def test_what_is_no_path_and_what_is_no_method(api: Api) -> None:
    nowhere = api.call("GET", "/cows")
    nameless = api.call("GET", "/resource_classes/")
    never = api.call("DELETE", "/resource_providers")

    assert (nowhere.status_code, nameless.status_code) == (404, 404)
    assert nowhere.json()["errors"][0]["code"] == "placement.undefined_code"
    assert nowhere.headers["Vary"] == "openstack-api-version"
    assert "The method DELETE is not allowed for this resource." in detail(never, 405)
