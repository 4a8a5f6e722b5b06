"""Registered limits, and limits of projects and domains in both models of enforcement."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pileus.config import Config
from pileus.core.db import Database
from pileus.identity import limits

from ...cloud import Cloud
from .calls import V3, made, project


def _service(cloud: Cloud, kind: str) -> str:
    body = {"service": {"type": kind, "name": kind}}
    return str(made(cloud.admin.post(f"{V3}/services", json=body), "service")["id"])


def _register(cloud: Cloud, service: str, name: str, value: int, **more: Any) -> dict[str, Any]:
    one = {"service_id": service, "resource_name": name, "default_limit": value} | more
    body = {"registered_limits": [one]}
    found = made(cloud.admin.post(f"{V3}/registered_limits", json=body), "registered_limits")
    return found[0]


def _limit(cloud: Cloud, service: str, name: str, value: int, **holder: Any) -> Any:
    one = {"service_id": service, "resource_name": name, "resource_limit": value} | holder
    return cloud.admin.post(f"{V3}/limits", json={"limits": [one]})


def _limits(cloud: Cloud, project_id: str, kind: str, region: str | None = None) -> dict[str, int]:
    return cloud.parts[Database].read(lambda tx: limits(tx, project_id, kind, region))


def test_a_registered_limit_is_made_changed_listed_and_deleted(cloud: Cloud):
    service = _service(cloud, "registry")
    row = _register(cloud, service, "widgets", 5, description="d")
    path = f"{V3}/registered_limits/{row['id']}"

    changed = cloud.admin.patch(path, json={"registered_limit": {"default_limit": 7}}).json()
    query = {"service_id": service, "resource_name": "widgets"}
    listed = cloud.demo.get(f"{V3}/registered_limits", params=query).json()["registered_limits"]

    assert changed["registered_limit"] == row | {"default_limit": 7}
    assert listed == [changed["registered_limit"]]
    assert row["region_id"] is None
    assert cloud.admin.delete(path).status_code == 204
    assert cloud.admin.get(path).status_code == 404


def test_one_bad_registered_limit_spoils_them_all(cloud: Cloud):
    service = _service(cloud, "spoiled")
    good = {"service_id": service, "resource_name": "a", "default_limit": 1}

    def status(*more: Any) -> int:
        body = {"registered_limits": [good, *more]}
        return cloud.admin.post(f"{V3}/registered_limits", json=body).status_code

    assert status(good) == 409
    assert status(good | {"service_id": "nowhere"}) == 400
    assert status(good | {"region_id": "nowhere"}) == 400
    assert status(good | {"resource_name": "b", "default_limit": -2}) == 400
    query = {"service_id": service}
    found = cloud.admin.get(f"{V3}/registered_limits", params=query).json()["registered_limits"]
    assert found == []


def test_what_projects_have_limits_of_stays_registered(cloud: Cloud):
    service, where = _service(cloud, "kept"), project(cloud, "kept")
    row = _register(cloud, service, "widgets", 5)
    limit = _limit(cloud, service, "widgets", 3, project_id=where["id"]).json()["limits"][0]
    path = f"{V3}/registered_limits/{row['id']}"

    def renamed() -> int:
        body = {"registered_limit": {"resource_name": "gadgets"}}
        return cloud.admin.patch(path, json=body).status_code

    assert (cloud.admin.delete(path).status_code, renamed()) == (403, 403)
    assert cloud.admin.delete(f"{V3}/limits/{limit['id']}").status_code == 204
    assert (renamed(), cloud.admin.delete(path).status_code) == (200, 204)


def test_a_limit_wants_something_registered_and_one_holder(cloud: Cloud):
    service, where = _service(cloud, "wanting"), project(cloud, "wanting")
    _register(cloud, service, "widgets", 5)

    def status(name: str = "widgets", **holder: Any) -> int:
        return _limit(cloud, service, name, 3, **holder).status_code

    assert status("other", project_id=where["id"]) == 400
    assert status() == 400
    assert status(project_id=where["id"], domain_id="default") == 400
    assert status(project_id="nowhere") == 400
    assert status(project_id=where["id"]) == 201
    assert status(project_id=where["id"]) == 409


def test_a_project_that_is_a_domain_has_a_domains_limit(cloud: Cloud):
    service, both = _service(cloud, "double"), project(cloud, "double", is_domain=True)
    _register(cloud, service, "widgets", 5)

    limit = _limit(cloud, service, "widgets", 3, project_id=both["id"]).json()["limits"][0]

    assert (limit["project_id"], limit["domain_id"]) == (None, both["id"])


def test_other_services_ask_for_a_projects_limits(cloud: Cloud):
    service, where, other = _service(cloud, "asker"), project(cloud, "a1"), project(cloud, "a2")
    made(cloud.admin.post(f"{V3}/regions", json={"region": {"id": "there"}}), "region")
    _register(cloud, service, "widgets", 5)
    _register(cloud, service, "gadgets", -1)
    _register(cloud, service, "widgets", 4, region_id="there")
    _limit(cloud, service, "widgets", 9, project_id=where["id"])

    assert _limits(cloud, where["id"], "asker") == {"widgets": 9, "gadgets": -1}
    assert _limits(cloud, other["id"], "asker") == {"widgets": 5, "gadgets": -1}
    assert _limits(cloud, other["id"], "asker", "there") == {"widgets": 4, "gadgets": -1}
    assert _limits(cloud, where["id"], "unheard-of") == {}


def test_a_member_sees_its_own_projects_limits_alone(cloud: Cloud):
    service, where = _service(cloud, "private"), project(cloud, "private")
    _register(cloud, service, "widgets", 5)
    mine, theirs = (
        _limit(cloud, service, "widgets", 3, project_id=id_).json()["limits"][0]
        for id_ in (cloud.demo.project_id, where["id"])
    )

    listed = cloud.demo.get(f"{V3}/limits", params={"service_id": service}).json()["limits"]

    assert listed == [mine]
    assert cloud.demo.get(f"{V3}/limits/{mine['id']}").status_code == 200
    assert cloud.demo.get(f"{V3}/limits/{theirs['id']}").status_code == 403
    body = {"limit": {"resource_limit": 100}}
    assert cloud.demo.patch(f"{V3}/limits/{mine['id']}", json=body).status_code == 403


def test_limits_go_with_their_project_and_their_service(cloud: Cloud):
    service, where = _service(cloud, "gone"), project(cloud, "gone")
    row = _register(cloud, service, "widgets", 5)
    of_project = _limit(cloud, service, "widgets", 3, project_id=where["id"]).json()["limits"][0]

    cloud.admin.delete(f"{V3}/projects/{where['id']}")
    assert cloud.admin.get(f"{V3}/limits/{of_project['id']}").status_code == 404
    assert cloud.admin.delete(f"{V3}/services/{service}").status_code == 204

    assert cloud.admin.get(f"{V3}/registered_limits/{row['id']}").status_code == 404


def test_the_model_is_told(cloud: Cloud):
    assert cloud.demo.get(f"{V3}/limits/model").json()["model"]["name"] == "flat"


@pytest.fixture
def strict(cloud: Cloud) -> Iterator[Cloud]:
    """The cloud in the model of two strict levels."""
    config = cloud.parts[Config]
    cloud.parts.add(replace(config, limit_model="strict_two_level"))
    yield cloud
    cloud.parts.add(config)


def test_no_project_may_have_more_than_its_domain(strict: Cloud):
    service = _service(strict, "strict")
    domain, where = project(strict, "strict", is_domain=True), project(strict, "s1")
    inside = project(strict, "s2", domain_id=domain["id"])
    _register(strict, service, "widgets", 5)

    def status(value: int, **holder: Any) -> int:
        return _limit(strict, service, "widgets", value, **holder).status_code

    assert strict.demo.get(f"{V3}/limits/model").json()["model"]["name"] == "strict_two_level"
    assert status(6, project_id=where["id"]) == 403  # above what is registered
    assert status(-1, project_id=where["id"]) == 403
    assert status(20, domain_id=domain["id"]) == 201
    assert status(20, project_id=inside["id"]) == 201


def test_a_domain_keeps_what_its_projects_have(strict: Cloud):
    service, domain = _service(strict, "holding"), project(strict, "holding", is_domain=True)
    inside = project(strict, "h1", domain_id=domain["id"])
    _register(strict, service, "widgets", 5)
    row = _limit(strict, service, "widgets", 9, domain_id=domain["id"]).json()["limits"][0]
    _limit(strict, service, "widgets", 8, project_id=inside["id"])

    def lowered(value: int) -> int:
        body = {"limit": {"resource_limit": value}}
        return strict.admin.patch(f"{V3}/limits/{row['id']}", json=body).status_code

    assert (lowered(7), lowered(8)) == (403, 200)


def test_the_strict_model_has_no_projects_in_projects(strict: Cloud):
    top = project(strict, "flat-top")
    body = {"project": {"name": "too-deep", "parent_id": top["id"]}}

    assert strict.admin.post(f"{V3}/projects", json=body).status_code == 403
