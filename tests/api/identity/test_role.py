"""Roles, implications, grants and the list of assignments."""

import httpx

from ...cloud import Cloud
from .calls import V3, by_password, grant, login, made, member, project, role, user


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
    who = user(cloud, "chief")
    path = f"{V3}/domains/default/users/{who['id']}/roles/{role(cloud, 'manager')}"
    assert cloud.admin.put(path).status_code == 204
    token = login(cloud, by_password("chief"), {"domain": {"id": "default"}})
    chief = httpx.Client(
        base_url=cloud.base, headers={"X-Auth-Token": token.headers["X-Subject-Token"]}
    )
    where = project(cloud, "managed")
    at = f"{V3}/projects/{where['id']}/users/{who['id']}/roles"

    hired = {"user": {"name": "hired", "domain_id": "default"}}
    assert chief.post(f"{V3}/users", json=hired).status_code == 201
    assert chief.post(f"{V3}/users", json={"user": {"name": "nobody's"}}).status_code == 403
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


def _inherited(cloud: Cloud, target: str, user_id: str, name: str) -> str:
    path = f"{V3}/OS-INHERIT/{target}/users/{user_id}/roles/{role(cloud, name)}"
    assert cloud.admin.put(f"{path}/inherited_to_projects").status_code == 204
    return f"{path}/inherited_to_projects"


def test_an_inherited_role_holds_below_and_says_where_it_comes_from(cloud: Cloud):
    who, top = user(cloud, "heir"), project(cloud, "heir-top")
    low = project(cloud, "heir-low", parent_id=top["id"])
    path = _inherited(cloud, f"projects/{top['id']}", who["id"], "reader")

    def found(**query: str) -> list[tuple[str, str]]:
        answer = cloud.admin.get(f"{V3}/role_assignments", params={"user.id": who["id"]} | query)
        lines = answer.json()["role_assignments"]
        return [
            (one["scope"]["project"]["id"], one["links"]["assignment"].removeprefix(cloud.base))
            for one in lines
        ]

    link = f"/identity{path.removeprefix('/identity')}"
    assert cloud.admin.get(path).status_code == 204
    assert found() == [(top["id"], link)]
    assert found(effective="1") == [(low["id"], link)]
    assert found(**{"scope.OS-INHERIT:inherited_to": "projects"}) == [(top["id"], link)]
    tree = {"scope.project.id": top["id"], "include_subtree": "1", "effective": "1"}
    assert found(**tree) == [(low["id"], link)]


def test_a_domains_inherited_role_is_not_listed_on_the_domain_in_effect(cloud: Cloud):
    who = user(cloud, "domain-heir")
    _inherited(cloud, "domains/default", who["id"], "reader")
    query = {"user.id": who["id"], "scope.domain.id": "default", "effective": "1"}

    now = cloud.admin.get(f"{V3}/role_assignments", params=query)
    query["scope.OS-INHERIT:inherited_to"] = "projects"
    impossible = cloud.admin.get(f"{V3}/role_assignments", params=query)

    assert now.json()["role_assignments"] == []
    assert impossible.status_code == 400


def test_roles_on_the_system_are_listed_for_users_and_groups(cloud: Cloud):
    who = user(cloud, "operator")
    group = made(cloud.admin.post(f"{V3}/groups", json={"group": {"name": "operators"}}), "group")
    reader = role(cloud, "reader")
    for actor in (f"users/{who['id']}", f"groups/{group['id']}"):
        path = f"{V3}/system/{actor}/roles/{reader}"
        assert cloud.admin.put(path).status_code == 204
        assert cloud.admin.head(path).status_code == 204

    def found(**query: str) -> list[str]:
        query["scope.system"] = "all"
        lines = cloud.admin.get(f"{V3}/role_assignments", params=query).json()["role_assignments"]
        assert all(one["scope"] == {"system": {"all": True}} for one in lines)
        return [(one.get("user") or one["group"])["id"] for one in lines]

    assert found(**{"user.id": who["id"]}) == [who["id"]]
    assert found(**{"group.id": group["id"]}) == [group["id"]]


def test_a_domains_reader_sees_its_domains_assignments_alone(cloud: Cloud):
    other = made(cloud.admin.post(f"{V3}/domains", json={"domain": {"name": "apart"}}), "domain")
    who, where = user(cloud, "watcher", domain_id=other["id"]), project(cloud, "beyond")
    inside = project(cloud, "apart", domain_id=other["id"])
    grant(cloud, who["id"], inside["id"])
    grant(cloud, who["id"], where["id"])
    put = f"{V3}/domains/{other['id']}/users/{who['id']}/roles/{role(cloud, 'reader')}"
    cloud.admin.put(put)
    named = {"id": who["id"], "password": "watcher-secret"}
    identity = {"methods": ["password"], "password": {"user": named}}
    token = login(cloud, identity, {"domain": {"id": other["id"]}}).headers["X-Subject-Token"]

    answer = httpx.get(
        f"{cloud.base}{V3}/role_assignments",
        params={"user.id": who["id"]},
        headers={"X-Auth-Token": token},
    )

    scopes = [one["scope"] for one in answer.json()["role_assignments"]]
    assert sorted(next(iter(s)) for s in scopes) == ["domain", "project"]
    assert {"project": {"id": inside["id"]}} in scopes


def test_an_immutable_role_stays_until_it_is_none_any_more(cloud: Cloud):
    body = {"role": {"name": "fixed", "options": {"immutable": True}}}
    path = f"{V3}/roles/{made(cloud.admin.post(f'{V3}/roles', json=body), 'role')['id']}"

    def patch(**values: object) -> int:
        return cloud.admin.patch(path, json={"role": values}).status_code

    assert (patch(name="other"), cloud.admin.delete(path).status_code) == (403, 403)
    assert patch(options={"immutable": "no"}) == 400
    assert patch(options={"immutable": None}) == 200
    assert cloud.admin.get(path).json()["role"]["options"] == {}
    assert cloud.admin.delete(path).status_code == 204
