"""Projects, their tree and their tags; domains."""

import pytest

from ...cloud import Cloud
from .calls import V3, grant, project, user


def test_a_project_stands_below_its_domain(cloud: Cloud):
    made = project(cloud, "plain", description="d")

    assert (made["domain_id"], made["parent_id"]) == ("default", "default")
    assert made["is_domain"] is False
    assert made["tags"] == []


def test_the_tree_is_shown_up_and_down(cloud: Cloud):
    top = project(cloud, "tree-top")
    mid = project(cloud, "tree-mid", parent_id=top["id"])
    low = project(cloud, "tree-low", parent_id=mid["id"])

    up = cloud.admin.get(f"{V3}/projects/{low['id']}?parents_as_ids").json()["project"]
    down = cloud.admin.get(f"{V3}/projects/{top['id']}?subtree_as_ids").json()["project"]
    listed = cloud.admin.get(f"{V3}/projects/{low['id']}?parents_as_list").json()["project"]

    assert up["parents"] == {mid["id"]: {top["id"]: {"default": None}}}
    assert down["subtree"] == {mid["id"]: {low["id"]: None}}
    assert [p["project"]["id"] for p in listed["parents"]] == [mid["id"], top["id"]]


def test_a_project_with_projects_below_stays(cloud: Cloud):
    top = project(cloud, "held")
    project(cloud, "holder", parent_id=top["id"])

    assert cloud.admin.delete(f"{V3}/projects/{top['id']}").status_code == 403


def test_tags_are_set_filtered_and_removed(cloud: Cloud):
    made = project(cloud, "tagged", tags=["blue", "green"])
    at = f"{V3}/projects/{made['id']}/tags"

    assert cloud.admin.put(f"{at}/red").status_code == 201
    assert cloud.admin.delete(f"{at}/blue").status_code == 204
    assert cloud.admin.get(f"{at}/red").status_code == 204
    assert cloud.admin.get(f"{at}/blue").status_code == 404
    assert cloud.admin.get(at).json()["tags"] == ["green", "red"]

    found = cloud.admin.get(f"{V3}/projects", params={"tags": "green,red"}).json()["projects"]
    assert [p["name"] for p in found] == ["tagged"]
    others = cloud.admin.get(f"{V3}/projects", params={"not-tags-any": "red"}).json()["projects"]
    assert "tagged" not in [p["name"] for p in others]


def test_deleting_a_project_takes_its_grants_along(cloud: Cloud):
    who, where = user(cloud, "granted"), project(cloud, "granted")
    grant(cloud, who["id"], where["id"])

    assert cloud.admin.delete(f"{V3}/projects/{where['id']}").status_code == 204

    query = {"user.id": who["id"]}
    left = cloud.admin.get(f"{V3}/role_assignments", params=query).json()["role_assignments"]
    assert left == []
    assert not [f for f in cloud.audit() if f.id == "I6" or f.id.startswith("identity.")]


def test_a_member_sees_its_own_project_only(cloud: Cloud):
    other = project(cloud, "foreign")

    assert cloud.demo.get(f"{V3}/projects/{cloud.demo.project_id}").status_code == 200
    assert cloud.demo.get(f"{V3}/projects/{other['id']}").status_code == 403
    assert cloud.demo.get(f"{V3}/projects").status_code == 403
    mine = cloud.demo.get(f"{V3}/users/{cloud.demo.user_id}/projects").json()["projects"]
    assert [p["name"] for p in mine] == ["demo"]


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"name": "n" * 300},
        {"name": None},
        {"enabled": 1},
        {"domain_id": "nowhere"},
        {"parent_id": "nowhere"},
        {"tags": ["a,b"]},
        {"tags": ["a", "a"]},
        {"tags": "a"},
    ],
)
def test_a_bad_project_is_refused_and_not_made(cloud: Cloud, more: dict[str, object]):
    answer = cloud.admin.post(f"{V3}/projects", json={"project": {"name": "bad"} | more})

    assert answer.status_code == 400, answer.text
    found = cloud.admin.get(f"{V3}/projects", params={"name": "bad"}).json()["projects"]
    assert found == []


def test_an_enabled_domain_cannot_be_deleted(cloud: Cloud):
    made = cloud.admin.post(f"{V3}/domains", json={"domain": {"name": "firm"}}).json()["domain"]
    path = f"{V3}/domains/{made['id']}"
    body = {"project": {"name": "inside", "domain_id": made["id"]}}
    inside = cloud.admin.post(f"{V3}/projects", json=body).json()["project"]

    assert cloud.admin.delete(path).status_code == 403
    cloud.admin.patch(path, json={"domain": {"enabled": False}})
    assert cloud.admin.delete(path).status_code == 204

    assert cloud.admin.get(f"{V3}/projects/{inside['id']}").status_code == 404
    assert cloud.admin.delete(f"{V3}/domains/default").status_code == 403
