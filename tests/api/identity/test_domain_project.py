"""Domains as the projects that they also are."""

from typing import Any

from ...cloud import Cloud
from .calls import V3, made, project

AT = f"{V3}/projects"


def _create(cloud: Cloud, name: str, **more: Any) -> dict[str, Any]:
    return project(cloud, name, is_domain=True, **more)


def test_a_project_that_is_a_domain_is_both(cloud: Cloud):
    both = _create(cloud, "both", description="d", tags=["a"])

    domain = cloud.admin.get(f"{V3}/domains/{both['id']}").json()["domain"]
    shown = cloud.admin.get(f"{AT}/{both['id']}").json()["project"]

    assert (domain["name"], domain["description"], domain["tags"]) == ("both", "d", ["a"])
    assert shown == both
    assert (both["is_domain"], both["domain_id"], both["parent_id"]) == (True, None, None)
    assert both["tags"] == ["a"]


def test_lists_have_them_only_when_asked(cloud: Cloud):
    both = _create(cloud, "asked")

    usual = cloud.admin.get(AT).json()["projects"]
    asked = cloud.admin.get(AT, params={"is_domain": "true"}).json()["projects"]

    assert both["id"] not in [p["id"] for p in usual]
    assert both in asked
    assert all(p["is_domain"] for p in asked)


def test_projects_stand_in_it_and_it_is_above_them(cloud: Cloud):
    both = _create(cloud, "above")
    inside = project(cloud, "inside", parent_id=both["id"])

    shown = cloud.admin.get(f"{AT}/{both['id']}?subtree_as_ids").json()["project"]
    listed = cloud.admin.get(f"{AT}/{both['id']}?subtree_as_list&parents_as_list").json()

    assert inside["domain_id"] == both["id"]
    assert shown["subtree"] == {inside["id"]: None}
    assert [p["project"]["id"] for p in listed["project"]["subtree"]] == [inside["id"]]
    assert listed["project"]["parents"] == []


def test_it_is_disabled_and_deleted_with_all_in_it(cloud: Cloud):
    both = _create(cloud, "passing")
    inside, path = project(cloud, "going", domain_id=both["id"]), f"{AT}/{both['id']}"

    assert cloud.admin.delete(path).status_code == 403
    assert cloud.admin.patch(path, json={"project": {"enabled": False}}).status_code == 200
    assert cloud.admin.delete(path).status_code == 204

    assert cloud.admin.get(f"{V3}/domains/{both['id']}").status_code == 404
    assert cloud.admin.get(f"{AT}/{inside['id']}").status_code == 404


def test_it_stands_in_nothing_and_its_name_is_free(cloud: Cloud):
    _create(cloud, "single")

    def status(**more: Any) -> int:
        body = {"project": {"name": "single", "is_domain": True} | more}
        return cloud.admin.post(AT, json=body).status_code

    assert status() == 409
    assert status(name="x", parent_id="default") == 400
    assert status(name="x", domain_id="default") == 400


def test_a_manager_of_a_domain_makes_none(cloud: Cloud):
    answer = cloud.demo.post(AT, json={"project": {"name": "mine", "is_domain": True}})

    assert answer.status_code == 403


def test_relatives_are_shown_in_one_form_at_a_time(cloud: Cloud):
    where = project(cloud, "relative")

    both = cloud.admin.get(f"{AT}/{where['id']}?parents_as_list&parents_as_ids")
    off = cloud.admin.get(f"{AT}/{where['id']}?parents_as_list=false").json()["project"]

    assert both.status_code == 400
    assert "parents" not in off


def test_an_immutable_domain_and_project_stay(cloud: Cloud):
    fixed = {"options": {"immutable": True}}
    domain = made(
        cloud.admin.post(f"{V3}/domains", json={"domain": {"name": "rock"} | fixed}), "domain"
    )
    where = project(cloud, "rock", **fixed)

    def patch(path: str, one: str, **values: Any) -> int:
        return cloud.admin.patch(f"{V3}/{path}", json={one: values}).status_code

    assert patch(f"domains/{domain['id']}", "domain", enabled=False) == 403
    assert patch(f"projects/{where['id']}", "project", name="sand") == 403
    assert patch(f"projects/{where['id']}", "project", tags=["a"]) == 403
    assert cloud.admin.delete(f"{AT}/{where['id']}").status_code == 403
    assert patch(f"projects/{where['id']}", "project", options={"immutable": False}) == 200
    assert cloud.admin.delete(f"{AT}/{where['id']}").status_code == 204


def test_nulls_in_a_new_project_are_nothing(cloud: Cloud):
    both = _create(cloud, "nulls", domain_id=None, parent_id=None)
    plain = project(cloud, "plain-nulls", domain_id=None, parent_id=None)

    assert both["is_domain"] is True
    assert plain["parent_id"] == "default"


def test_relatives_are_shown_with_their_limits(cloud: Cloud):
    top = project(cloud, "limited")
    low = project(cloud, "limited-low", parent_id=top["id"])
    service = {"service": {"type": "limited", "name": "limited"}}
    about = {
        "service_id": made(cloud.admin.post(f"{V3}/services", json=service), "service")["id"],
        "resource_name": "widgets",
    }
    registered = {"registered_limits": [about | {"default_limit": 5}]}
    cloud.admin.post(f"{V3}/registered_limits", json=registered)
    body = {"limits": [about | {"resource_limit": 4, "project_id": low["id"]}]}
    limit = made(cloud.admin.post(f"{V3}/limits", json=body), "limits")

    shown = cloud.admin.get(f"{AT}/{top['id']}?subtree_as_list&include_limits").json()["project"]

    assert [one["project"]["limits"] for one in shown["subtree"]] == [limit]
