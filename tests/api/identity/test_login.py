"""POST /v3/auth/tokens: every method and scope, and every way to be refused."""

import pytest

from ...cloud import Cloud
from .calls import V3, by_password, by_token, grant, login, member, on, project, user


def test_a_password_gives_a_token_for_a_project_with_implied_roles_and_the_catalog(cloud: Cloud):
    answer = cloud.token("demo", "demo-secret", "demo")

    token = answer.json()["token"]
    assert answer.headers["X-Subject-Token"]
    assert token["methods"] == ["password"]
    assert token["project"]["name"] == "demo"
    assert token["project"]["domain"] == {"id": "default", "name": "Default"}
    assert {r["name"] for r in token["roles"]} == {"member", "reader"}
    assert "identity" in [service["type"] for service in token["catalog"]]
    assert len(token["audit_ids"]) == 1
    assert token["is_domain"] is False


def test_nocatalog_leaves_the_catalog_out(cloud: Cloud):
    body = {"auth": {"identity": by_password("demo")}}

    answer = cloud.demo.post(f"{V3}/auth/tokens?nocatalog", json=body)

    assert answer.status_code == 201
    assert "catalog" not in answer.json()["token"]


def test_without_a_scope_the_default_project_is_meant(cloud: Cloud):
    answer = login(cloud, by_password("demo"))

    assert answer.json()["token"]["project"]["name"] == "demo"


def test_unscoped_is_for_nothing(cloud: Cloud):
    token = login(cloud, by_password("demo"), "unscoped").json()["token"]

    assert not {"project", "domain", "system", "roles", "catalog"} & token.keys()


def test_a_domain_scope_has_the_domain(cloud: Cloud):
    scope = {"domain": {"name": "Default"}}

    token = login(cloud, by_password("admin"), scope).json()["token"]

    assert token["domain"] == {"id": "default", "name": "Default"}


def test_a_system_scope_has_the_system(cloud: Cloud):
    token = login(cloud, by_password("admin"), {"system": {"all": True}}).json()["token"]

    assert token["system"] == {"all": True}


def test_a_token_from_a_token_keeps_its_end_and_its_audit_chain(cloud: Cloud):
    first = login(cloud, by_password("demo"))
    parent = first.json()["token"]

    scope = on(parent["project"]["id"])
    answer = login(cloud, by_token(first.headers["X-Subject-Token"]), scope)

    token = answer.json()["token"]
    assert token["expires_at"] == parent["expires_at"]
    assert token["audit_ids"][1] == parent["audit_ids"][0]
    assert set(token["methods"]) == {"password", "token"}


def test_a_user_by_id_and_a_project_by_name(cloud: Cloud):
    who, where = member(cloud, "byid")
    identity = {"methods": ["password"], "password": {"user": {"id": who["id"]}}}
    identity["password"]["user"]["password"] = "byid-secret"
    scope = {"project": {"name": where["name"], "domain": {"name": "Default"}}}

    assert login(cloud, identity, scope).status_code == 201


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(cloud: Cloud):
    wrong = login(cloud, by_password("demo", "nonsense"))
    unknown = login(cloud, by_password("nobody", "nonsense"))

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    assert wrong.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_a_user_without_a_role_gets_no_token_for_the_project(cloud: Cloud):
    user(cloud, "roleless")
    where = project(cloud, "closed")

    assert login(cloud, by_password("roleless"), on(where["id"])).status_code == 401
    assert login(cloud, by_password("roleless"), on("0" * 32)).status_code == 401


def test_a_disabled_user_or_project_gets_none(cloud: Cloud):
    who, where = member(cloud, "disabled")
    cloud.admin.patch(f"{V3}/projects/{where['id']}", json={"project": {"enabled": False}})
    assert login(cloud, by_password("disabled"), on(where["id"])).status_code == 401

    cloud.admin.patch(f"{V3}/users/{who['id']}", json={"user": {"enabled": False}})
    assert login(cloud, by_password("disabled"), "unscoped").status_code == 401


def test_a_group_gives_its_users_its_roles(cloud: Cloud):
    who, where = user(cloud, "grouped"), project(cloud, "grouped")
    body = {"group": {"name": "grouped"}}
    group = cloud.admin.post(f"{V3}/groups", json=body).json()["group"]["id"]
    roles = cloud.admin.get(f"{V3}/roles", params={"name": "reader"}).json()["roles"]

    cloud.admin.put(f"{V3}/projects/{where['id']}/groups/{group}/roles/{roles[0]['id']}")
    assert login(cloud, by_password("grouped"), on(where["id"])).status_code == 401
    cloud.admin.put(f"{V3}/groups/{group}/users/{who['id']}")

    answer = login(cloud, by_password("grouped"), on(where["id"]))
    assert [r["name"] for r in answer.json()["token"]["roles"]] == ["reader"]


def test_an_inherited_role_holds_below_and_not_on_the_target(cloud: Cloud):
    who, top = user(cloud, "heir"), project(cloud, "top")
    below = project(cloud, "below", parent_id=top["id"])
    role = cloud.admin.get(f"{V3}/roles", params={"name": "member"}).json()["roles"][0]["id"]

    at = f"{V3}/OS-INHERIT/projects/{top['id']}/users/{who['id']}/roles/{role}"
    assert cloud.admin.put(f"{at}/inherited_to_projects").status_code == 204

    assert login(cloud, by_password("heir"), on(below["id"])).status_code == 201
    assert login(cloud, by_password("heir"), on(top["id"])).status_code == 401


def test_a_trust_that_is_not_there_gives_no_token(cloud: Cloud):
    scope = {"OS-TRUST:trust": {"id": "0" * 32}}

    assert login(cloud, by_password("demo"), scope).status_code == 401


@pytest.mark.parametrize(
    "auth",
    [
        None,
        [],
        {},
        {"identity": {}},
        {"identity": {"methods": []}},
        {"identity": {"methods": "password"}},
        {"identity": {"methods": ["password"]}},
        {"identity": {"methods": ["password"], "password": {}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "x"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"id": 5, "password": "x"}}}},
        {"identity": {"methods": ["token"], "token": {}}},
        {"identity": {"methods": ["application_credential"], "application_credential": {}}},
        {"identity": by_password("demo"), "scope": {"project": {}}},
        {"identity": by_password("demo"), "scope": {"project": {"name": "demo"}}},
        {"identity": by_password("demo"), "scope": {"system": {"all": False}}},
        {"identity": by_password("demo"), "scope": {"system": {"all": True}, "domain": {}}},
        {"identity": by_password("demo"), "scope": "everything"},
        {"identity": by_password("demo"), "scope": 7},
        {"identity": by_password("demo"), "scope": {"OS-TRUST:trust": {}}},
        {"identity": by_password("demo"), "scope": {"OS-TRUST:trust": "x"}},
        {"identity": by_password("demo"), "scope": {"OS-TRUST:trust": {"id": "x"}, "domain": {}}},
    ],
)
def test_a_malformed_login_is_refused_with_400(cloud: Cloud, auth: object):
    answer = cloud.demo.post(f"{V3}/auth/tokens", json={"auth": auth})

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == 400


def test_an_unknown_method_is_refused_with_401(cloud: Cloud):
    assert login(cloud, {"methods": ["retina"], "retina": {}}).status_code == 401


@pytest.mark.parametrize("token", ["", "nonsense", "gAAAAA" + "A" * 150, "é"])
def test_a_token_that_is_none_opens_nothing_and_makes_no_other(cloud: Cloud, token: str):
    assert login(cloud, by_token(token or "x")).status_code == 404
    headers = {"X-Auth-Token": token.encode()}
    assert cloud.admin.get(f"{V3}/users", headers=headers).status_code == 401


def test_every_answer_to_discovery_is_without_a_token(cloud: Cloud):
    import httpx

    versions = httpx.get(f"{cloud.base}/identity")
    three = httpx.get(f"{cloud.base}/identity/v3/")

    assert versions.status_code == 300
    assert versions.json()["versions"]["values"][0]["id"].startswith("v3.")
    assert three.json()["version"]["links"][0]["href"] == f"{cloud.base}/identity/v3/"


def test_a_role_given_later_shows_in_a_token_that_is_out(cloud: Cloud):
    who, where = member(cloud, "promoted")
    answer = login(cloud, by_password("promoted"), on(where["id"]))
    token = answer.headers["X-Subject-Token"]

    grant(cloud, who["id"], where["id"], "manager")

    headers = {"X-Subject-Token": token}
    shown = cloud.admin.get(f"{V3}/auth/tokens", headers=headers).json()["token"]
    assert "manager" in {r["name"] for r in shown["roles"]}
