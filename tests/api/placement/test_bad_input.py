"""What the placement API refuses, and that it does so in its own words."""

from typing import Any

import pytest

from ...cloud import Cloud

NEW = {"OpenStack-API-Version": "placement 1.39"}
JSON = NEW | {"Content-Type": "application/json"}
HOST = "11111111-1111-1111-1111-111111111111"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'{"name": 5}',
        b'{"name": ""}',
        b'{"name": "a", "unknown": 1}',
        b'{"name": "a", "uuid": "x"}',
        b'{"name": "a", "parent_provider_uuid": "11111111-1111-1111-1111-111111111111"}',
        b'{"name": "' + b"x" * 300 + b'"}',
    ],
)
def test_a_provider_that_cannot_be_is_400(cloud: Cloud, body: bytes) -> None:
    before = cloud.admin.get("/placement/resource_providers", headers=NEW).json()

    answer = cloud.admin.post("/placement/resource_providers", content=body, headers=JSON)

    assert answer.status_code == 400, answer.text
    error = answer.json()["errors"][0]
    assert (error["status"], error["title"]) == (400, "Bad Request")
    assert error["request_id"] == answer.headers["X-Openstack-Request-Id"]
    assert cloud.admin.get("/placement/resource_providers", headers=NEW).json() == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("resource_providers?unknown=1", 400),
        ("resource_providers?uuid=x", 400),
        ("resource_providers?resources=VCPU", 400),
        ("resource_providers?resources=VCPU:0", 400),
        ("resource_providers?resources=VCPU:99999999999", 400),
        ("resource_providers?required=NO_SUCH_TRAIT", 400),
        ("allocation_candidates", 400),
        ("allocation_candidates?resources=NO_SUCH:1", 400),
        ("allocation_candidates?resources=VCPU:1&limit=0", 400),
        ("usages", 400),
        (f"resource_providers/{HOST}", 404),
        ("resource_providers/x", 404),
        ("traits/NO_SUCH", 404),
        ("resource_classes/NO_SUCH", 404),
    ],
)
def test_a_question_that_cannot_be_is_refused(cloud: Cloud, path: str, status: int) -> None:
    answer = cloud.admin.get(f"/placement/{path}", headers=NEW)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["status"] == status


@pytest.mark.parametrize("name", ["custom_x", "X", "CUSTOM_" + "X" * 300, "CUSTOM_x", "CUSTOM_%20"])
@pytest.mark.parametrize("kind", ["traits", "resource_classes"])
def test_a_name_that_is_not_custom_is_400(cloud: Cloud, kind: str, name: str) -> None:
    answer = cloud.admin.put(f"/placement/{kind}/{name}", headers=NEW)

    assert answer.status_code == 400


@pytest.mark.parametrize("stock", [{"total": 0}, {"total": 2**40}, {"total": 1, "reserved": 5}, {}])
def test_an_inventory_that_cannot_be_is_400(cloud: Cloud, stock: dict[str, Any]) -> None:
    found = cloud.admin.get("/placement/resource_providers", headers=NEW).json()
    host = found["resource_providers"][0]["uuid"]
    body = stock | {"resource_class": "PGPU"}
    path = f"/placement/resource_providers/{host}/inventories"

    answer = cloud.admin.post(path, json=body, headers=NEW)

    assert answer.status_code == 400
    assert "PGPU" not in cloud.admin.get(path, headers=NEW).json()["inventories"]
