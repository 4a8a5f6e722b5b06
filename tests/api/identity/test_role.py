"""Roles, implications, grants and the list of assignments."""

from ...cloud import Cloud
from .calls import V3, grant, made, member, project, role, user


def test_the_usual_roles_imply_each_other(cloud: Cloud):
    listed = cloud.admin.get(f"{V3}/role_inferences").json()["role_inferences"]

    pairs = {(i["prior_role"]["name"], j["name"]) for i in listed for j in i["implies"]}
    assert pairs == {("admin", "manager"), ("manager", "member"), ("member", "reader")}


def test_a_role_may_not_imply_itself_round_a_circle(cloud: Cloud):
    path = f"{V3}/roles/{role(cloud, 'reader')}/implies/{role(cloud, 'manager')}"

    assert cloud.admin.put(path).status_code == 403


def test_an_implication_is_made_shown_and_removed(cloud: Cloud):
    new = made(cloud.admin.post(f"{V3}/roles", json={"role": {"name": "auditor"}}), "role")
    path = f"{V3}/roles/{new['id']}/implies/{role(cloud, 'reader')}"

    assert cloud.admin.put(path).status_code == 201
    assert cloud.admin.head(path).status_code == 204
    assert cloud.admin.get(path).json()["role_inference"]["implies"]["name"] == "reader"
    assert cloud.admin.delete(path).status_code == 204
    assert cloud.admin.get(path).status_code == 404


def test_a_grant_is_checked_listed_and_taken_away(cloud: Cloud):
    who, where = user(cloud, "graced"), project(cloud, "graced")
    path = grant(cloud, who["id"], where["id"])

    assert cloud.admin.head(path).status_code == 204
    roles = cloud.admin.get(path.rsplit("/", 1)[0]).json()["roles"]
    assert [r["name"] for r in roles] == ["member"]
    assert cloud.admin.put(path).status_code == 204
    assert cloud.admin.delete(path).status_code == 204
    assert cloud.admin.head(path).status_code == 404
    assert cloud.admin.delete(path).status_code == 404


def test_a_grant_to_nobody_or_of_nothing_is_404(cloud: Cloud):
    who, where = user(cloud, "real"), project(cloud, "real")
    member_role = role(cloud, "member")

    def put(user_id: str, project_id: str, role_id: str) -> int:
        path = f"{V3}/projects/{project_id}/users/{user_id}/roles/{role_id}"
        return cloud.admin.put(path).status_code

    assert put("nobody", where["id"], member_role) == 404
    assert put(who["id"], "nowhere", member_role) == 404
    assert put(who["id"], where["id"], "nothing") == 404


def test_a_member_may_not_grant(cloud: Cloud):
    path = f"{V3}/projects/{cloud.demo.project_id}/users/{cloud.demo.user_id}/roles"

    assert cloud.demo.put(f"{path}/{role(cloud, 'admin')}").status_code == 403
    assert cloud.demo.get(f"{V3}/role_assignments").status_code == 403


def test_assignments_are_listed_as_given_and_as_they_take_effect(cloud: Cloud):
    who, where = member(cloud, "listed")
    query = {"user.id": who["id"], "scope.project.id": where["id"], "include_names": "1"}

    given = cloud.admin.get(f"{V3}/role_assignments", params=query).json()["role_assignments"]
    query["effective"] = "1"
    now = cloud.admin.get(f"{V3}/role_assignments", params=query).json()["role_assignments"]

    assert [a["role"]["name"] for a in given] == ["member"]
    assert given[0]["user"]["domain"] == {"id": "default", "name": "Default"}
    assert given[0]["scope"]["project"]["name"] == "listed"
    assert {a["role"]["name"] for a in now} == {"member", "reader"}


def test_a_group_takes_effect_on_its_users(cloud: Cloud):
    who, where = user(cloud, "grouper"), project(cloud, "grouper")
    group = made(cloud.admin.post(f"{V3}/groups", json={"group": {"name": "groupers"}}), "group")
    cloud.admin.put(f"{V3}/groups/{group['id']}/users/{who['id']}")
    path = f"{V3}/projects/{where['id']}/groups/{group['id']}/roles/{role(cloud, 'reader')}"
    cloud.admin.put(path)

    query = {"scope.project.id": where["id"], "effective": "true"}
    now = cloud.admin.get(f"{V3}/role_assignments", params=query).json()["role_assignments"]

    assert [a["user"]["id"] for a in now] == [who["id"]]
    assert now[0]["links"]["membership"].endswith(f"/groups/{group['id']}/users/{who['id']}")


def test_a_domains_manager_keeps_to_its_domain_and_its_roles(cloud: Cloud):
    import httpx

    from .calls import by_password, login

    who = user(cloud, "chief")
    path = f"{V3}/domains/default/users/{who['id']}/roles/{role(cloud, 'manager')}"
    assert cloud.admin.put(path).status_code == 204
    token = login(cloud, by_password("chief"), {"domain": {"id": "default"}})
    chief = httpx.Client(
        base_url=cloud.base, headers={"X-Auth-Token": token.headers["X-Subject-Token"]}
    )
    where = project(cloud, "managed")
    at = f"{V3}/projects/{where['id']}/users/{who['id']}/roles"

    assert chief.post(f"{V3}/users", json={"user": {"name": "hired"}}).status_code == 201
    assert chief.put(f"{at}/{role(cloud, 'member')}").status_code == 204
    assert chief.put(f"{at}/{role(cloud, 'admin')}").status_code == 403
    assert chief.post(f"{V3}/domains", json={"domain": {"name": "x"}}).status_code == 403


def test_bad_queries_of_assignments_are_400(cloud: Cloud):
    def status(query: str) -> int:
        return cloud.admin.get(f"{V3}/role_assignments?{query}").status_code

    assert status("effective&group.id=x") == 400
    assert status("user.id=x&group.id=y") == 400
    assert status("scope.project.id=x&scope.domain.id=y") == 400
    assert status("include_subtree=1") == 400


def test_a_role_of_a_domain_is_in_no_token_but_what_it_implies_is(cloud: Cloud):
    who, where = user(cloud, "specific"), project(cloud, "specific")
    body = {"role": {"name": "specific", "domain_id": "default"}}
    given = made(cloud.admin.post(f"{V3}/roles", json=body), "role")["id"]
    put = f"{V3}/projects/{where['id']}/users/{who['id']}/roles/{given}"
    assert cloud.admin.put(put).status_code == 204
    query = {"user.id": who["id"], "effective": "1"}

    def effective() -> list[str]:
        found = cloud.admin.get(f"{V3}/role_assignments", params=query).json()
        return [one["role"]["id"] for one in found["role_assignments"]]

    assert effective() == []
    reader = role(cloud, "reader")
    assert cloud.admin.put(f"{V3}/roles/{given}/implies/{reader}").status_code == 201
    assert effective() == [reader]
