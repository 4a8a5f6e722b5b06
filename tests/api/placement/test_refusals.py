"""What placement refuses: with the API's status and error code, and nothing changed."""

import http.client
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa

from pileus.placement import rows

from ...cloud import Cloud
from .conftest import Api, consumer

ROOT, CHILD = (f"00000000-0000-4000-8000-{number:012d}" for number in (1, 2))
NOWHERE = "99999999-0000-4000-8000-000000000009"
PLAIN, CONCURRENT = "placement.undefined_code", "placement.concurrent_update"
IN_USE, BAD_VALUE = "placement.inventory.inuse", "placement.query.bad_value"
TABLES = (rows.Provider, rows.Inventory, rows.ProviderTrait, rows.ProviderAggregate)
TABLES += (rows.Trait, rows.ResourceClass, rows.Consumer, rows.Allocation)


@pytest.fixture
def world(api: Api) -> Api:
    """A tree of two providers at generations 4 and 3, the root's VCPU in use by one consumer."""
    api.provider(1, {"VCPU": 4, "DISK_GB": 10})
    api.provider(2, {"VGPU": 1}, parent=ROOT)
    assert api.allocate(1, {ROOT: {"VCPU": 2}}).status_code == 204
    return api


def everything(api: Api) -> list[Any]:
    return api.db.read(
        lambda tx: [sorted(map(repr, tx.execute(sa.select(one.table)))) for one in TABLES]
    )


def shares(provider: str, resources: dict[str, Any], generation: int | None = None) -> Any:
    return {
        "allocations": {provider: {"resources": resources}},
        "project_id": "p",
        "user_id": "u",
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
    }


def stock(generation: int, inventories: dict[str, Any]) -> Any:
    return {"resource_provider_generation": generation, "inventories": inventories}


def refused(world: Api, method: str, path: str, body: Any) -> tuple[int, str]:
    """Status and code of an answer that must leave everything as it was."""
    before = everything(world)
    answer = world.call(method, path, body)
    assert everything(world) == before
    return answer.status_code, answer.json()["errors"][0]["code"]


AT = f"/resource_providers/{ROOT}"
HOLD = f"/allocations/{consumer(2)}"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        # Unknown names.
        ("PUT", f"{AT}/inventories", stock(4, {"CUSTOM_NO": {"total": 1}}), 400, PLAIN),
        ("POST", f"{AT}/inventories", {"resource_class": "CUSTOM_NO", "total": 1}, 400, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"CUSTOM_NO": 1}), 400, PLAIN),
        ("GET", "/allocation_candidates?resources=CUSTOM_NO:1", None, 400, PLAIN),
        ("PUT", f"{AT}/traits", {"resource_provider_generation": 4, "traits": ["X"]}, 400, PLAIN),
        # Amounts that are none.
        ("PUT", HOLD, shares(ROOT, {"VCPU": -1}), 400, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"VCPU": 0}), 400, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"VCPU": 1.5}), 400, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"VCPU": True}), 400, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"VCPU": 2**63}), 400, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"VCPU": 2**53}), 409, PLAIN),
        ("POST", f"{AT}/inventories", {"resource_class": "PGPU", "total": -1}, 400, PLAIN),
        ("POST", f"{AT}/inventories", {"resource_class": "PGPU", "total": 1.5}, 400, PLAIN),
        (
            "PUT",
            f"{AT}/inventories/CUSTOM_NO",
            {"resource_provider_generation": 4, "total": 1},
            404,
            PLAIN,
        ),
        ("GET", "/allocation_candidates?resources=VCPU:-1", None, 400, PLAIN),
        ("GET", "/allocation_candidates?resources=VCPU:1.5", None, 400, PLAIN),
        ("GET", "/allocation_candidates?resources=VCPU:1:2", None, 400, PLAIN),
        ("GET", f"/allocation_candidates?resources=VCPU:{'9' * 5000}", None, 400, PLAIN),
        (
            "POST",
            f"{AT}/inventories",
            {"resource_class": "PGPU", "total": 1, "allocation_ratio": "2"},
            400,
            PLAIN,
        ),
        # Trees that are none.
        ("PUT", AT, {"name": "a", "parent_provider_uuid": CHILD}, 400, PLAIN),
        ("PUT", AT, {"name": "a", "parent_provider_uuid": ROOT}, 400, PLAIN),
        ("PUT", AT, {"name": "a", "parent_provider_uuid": NOWHERE}, 400, PLAIN),
        (
            "POST",
            "/resource_providers",
            {"name": "a", "uuid": NOWHERE, "parent_provider_uuid": NOWHERE},
            400,
            PLAIN,
        ),
        # Generations that are past.
        ("PUT", f"{AT}/inventories", stock(3, {}), 409, CONCURRENT),
        (
            "PUT",
            f"{AT}/inventories/VCPU",
            {"resource_provider_generation": 3, "total": 9},
            409,
            CONCURRENT,
        ),
        ("PUT", f"{AT}/traits", {"resource_provider_generation": 9, "traits": []}, 409, CONCURRENT),
        (
            "PUT",
            f"{AT}/aggregates",
            {"resource_provider_generation": 0, "aggregates": []},
            409,
            CONCURRENT,
        ),
        ("PUT", HOLD, shares(ROOT, {"VCPU": 1}, 1), 409, CONCURRENT),
        ("PUT", HOLD, shares(NOWHERE, {"CUSTOM_NO": 1}, 1), 409, CONCURRENT),
        ("PUT", f"/allocations/{consumer(1)}", shares(ROOT, {"VCPU": 1}), 409, CONCURRENT),
        # What is not there, what is in use, what is there already.
        ("PUT", HOLD, shares(NOWHERE, {"VCPU": 1}), 400, PLAIN),
        ("POST", "/allocations", {consumer(2): shares(NOWHERE, {"VCPU": 1})}, 400, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"VCPU": 3}), 409, PLAIN),
        ("PUT", HOLD, shares(ROOT, {"PGPU": 1}), 409, PLAIN),
        ("DELETE", HOLD, None, 404, PLAIN),
        ("GET", f"/resource_providers/{NOWHERE}", None, 404, PLAIN),
        ("DELETE", f"{AT}/inventories", None, 409, IN_USE),
        ("PUT", f"{AT}/inventories", stock(4, {}), 409, IN_USE),
        ("DELETE", f"{AT}/inventories/VCPU", None, 409, CONCURRENT),
        ("POST", f"{AT}/inventories", {"resource_class": "VCPU", "total": 1}, 409, CONCURRENT),
        ("DELETE", AT, None, 409, "placement.resource_provider.cannot_delete_parent"),
        ("POST", "/resource_providers", {"name": "p1"}, 409, "placement.duplicate_name"),
        (
            "POST",
            "/resource_providers",
            {"name": "new", "uuid": ROOT},
            409,
            "placement.duplicate_name",
        ),
        # Questions.
        (
            "GET",
            "/allocation_candidates?resources=VCPU:1&root_required=COMPUTE_NODE&root_required=X",
            None,
            400,
            "placement.query.duplicate_key",
        ),
        (
            "GET",
            "/allocation_candidates?required=COMPUTE_NODE",
            None,
            400,
            "placement.query.missing_value",
        ),
        (
            "GET",
            "/allocation_candidates?resources1=VCPU:1&required2=COMPUTE_NODE&group_policy=none",
            None,
            400,
            BAD_VALUE,
        ),
        (
            "GET",
            "/allocation_candidates?resources1=VCPU:1&same_subtree=1,",
            None,
            400,
            BAD_VALUE,
        ),
        (
            "GET",
            "/allocation_candidates?resources1=VCPU:1&same_subtree=1,2",
            None,
            400,
            BAD_VALUE,
        ),
    ],
)
def test_a_refusal_has_its_code_and_changes_nothing(
    world: Api, method: str, path: str, body: Any, status: int, code: str
) -> None:
    assert refused(world, method, path, body) == (status, code)


@pytest.mark.parametrize(
    ("inventories", "status", "code"),
    [
        ({NOWHERE: stock(0, {})}, 400, "placement.resource_provider.not_found"),
        ({ROOT: stock(3, {})}, 409, CONCURRENT),
        ({ROOT: stock(4, {"CUSTOM_NO": {"total": 1}})}, 400, PLAIN),
        ({ROOT: stock(4, {"DISK_GB": {"total": 1}})}, 409, IN_USE),
    ],
)
def test_a_reshape_that_cannot_be_changes_nothing(
    world: Api, inventories: Any, status: int, code: str
) -> None:
    body = {"inventories": inventories, "allocations": {}}

    assert refused(world.by("service"), "POST", "/reshaper", body) == (status, code)


def test_a_reshape_to_too_little_is_told_from_one_that_is_in_use(world: Api) -> None:
    wanted = {consumer(1): shares(ROOT, {"VCPU": 2}, 1)}
    body = {"inventories": {ROOT: stock(4, {"VCPU": {"total": 1}})}, "allocations": wanted}

    assert refused(world.by("service"), "POST", "/reshaper", body) == (409, PLAIN)


def raced(call: Callable[[int], httpx.Response]) -> list[tuple[int, str]]:
    """Status and code of eight calls at once, in order."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(call, range(8)))
    return sorted(
        (a.status_code, a.json()["errors"][0]["code"] if a.is_error else "") for a in answers
    )


def test_of_those_who_race_with_one_generation_one_wins(world: Api) -> None:
    found = raced(
        lambda n: world.call("PUT", f"{AT}/inventories", stock(4, {"VCPU": {"total": 10 + n}}))
    )

    assert found == [(200, ""), *[(409, CONCURRENT)] * 7]
    assert world.get(AT)["generation"] == 5


def test_of_those_who_race_for_a_new_consumer_one_wins(world: Api) -> None:
    found = raced(lambda n: world.call("PUT", HOLD, shares(CHILD, {"VGPU": 1})))

    assert found == [(204, ""), *[(409, CONCURRENT)] * 7]


def test_ten_megabytes_of_query_are_refused_and_the_cloud_goes_on(cloud: Cloud) -> None:
    server = http.client.HTTPConnection(urlsplit(cloud.base).netloc, timeout=30)
    path = "/placement/allocation_candidates?resources="

    try:
        server.request("GET", path + "VCPU:1," * 1_500_000, headers={"X-Auth-Token": "x"})
        status = server.getresponse().status
    except ConnectionError:
        status = 414  # the server need not read all of it before it hangs up
    server.close()

    assert status in (400, 414)
    assert cloud.admin.get("/placement/").status_code == 200
