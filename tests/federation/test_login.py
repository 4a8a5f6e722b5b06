"""A federated login: who comes of it, and what the token is for."""

from typing import Any

import pytest

from ..cloud import Cloud
from .calls import (
    BY_SUB,
    FED,
    USER,
    V3,
    ask,
    grant,
    group,
    log_in,
    oidc,
    project,
    provider,
    role,
    scoped,
    settings,
)
from .openid import OpenId

NAMES: set[str] = set()


@pytest.fixture
def ready(cloud: Cloud, openid: OpenId) -> Any:
    """Makes an identity provider that this cloud can reach."""

    def make(key: str, rules: Any = BY_SUB, **more: Any) -> dict[str, Any]:
        NAMES.add(key)
        settings(cloud, {name: {"openid": oidc(openid.issuer)} for name in NAMES})
        return provider(cloud, key, rules, **more)

    return make


def test_the_user_of_a_first_login_is_made(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    idp = ready("first")

    answer = log_in(cloud, "first", openid.token(sub="alice"))

    assert answer.status_code == 201, answer.text
    token = answer.json()["token"]
    assert token["methods"] == ["openid"]
    assert token["user"]["name"] == "alice"
    assert token["user"]["domain"]["id"] == idp["domain_id"]
    assert token["user"]["OS-FEDERATION"] == {
        "groups": [],
        "identity_provider": {"id": "first"},
        "protocol": {"id": "openid"},
    }
    assert not {"project", "roles", "catalog"} & token.keys()
    user = cloud.admin.get(f"{V3}/users/{token['user']['id']}").json()["user"]
    assert user["federated"] == [
        {"idp_id": "first", "protocols": [{"protocol_id": "openid", "unique_id": "alice"}]}
    ]


def test_the_second_login_is_of_the_same_user(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    local = {"user": {"id": "{0}", "name": "{1}", "email": "{1}@example.com"}}
    ready("again", [{"local": [local], "remote": [{"type": "sub"}, {"type": "name"}]}])
    first = log_in(cloud, "again", openid.token(sub="4711", name="bob")).json()["token"]["user"]

    second = log_in(cloud, "again", openid.token(sub="4711", name="robert")).json()["token"]["user"]

    assert second["id"] == first["id"]
    assert second["name"] == "robert"
    user = cloud.admin.get(f"{V3}/users/{first['id']}").json()["user"]
    assert (user["name"], user["email"]) == ("robert", "robert@example.com")


def test_groups_give_roles_for_as_long_as_they_do(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    local = {"groups": "{1}", "domain": {"id": "default"}}
    ready("grouped", [{"local": [USER, local], "remote": [{"type": "sub"}, {"type": "groups"}]}])
    team, where = group(cloud, "team"), project(cloud, "team")
    grant(cloud, team, where)

    answer = log_in(cloud, "grouped", openid.token(sub="carol", groups=["team", "unknown"]))

    unscoped = answer.headers["X-Subject-Token"]
    assert answer.json()["token"]["user"]["OS-FEDERATION"]["groups"] == [{"id": team}]
    for path in (f"{FED}/projects", f"{V3}/auth/projects"):
        shown = ask(cloud, unscoped, path).json()["projects"]
        assert [one["id"] for one in shown] == [where]
    made = scoped(cloud, unscoped, where)
    assert {r["name"] for r in made.json()["token"]["roles"]} == {"member", "reader"}
    assert made.json()["token"]["user"]["OS-FEDERATION"]["groups"] == [{"id": team}]
    assert made.json()["token"]["expires_at"] == answer.json()["token"]["expires_at"]
    token = made.headers["X-Subject-Token"]
    assert ask(cloud, token, "/compute/v2.1/servers").status_code == 200
    cloud.admin.delete(f"{V3}/groups/{team}")
    assert ask(cloud, token, "/compute/v2.1/servers").status_code == 401


def test_domains_that_the_groups_open_are_listed(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    ready(
        "domains",
        [{"local": [USER, {"group_ids": "{1}"}], "remote": [{"type": "sub"}, {"type": "g"}]}],
    )
    team = group(cloud, "domain-team")
    path = f"{V3}/domains/default/groups/{team}/roles/{role(cloud, 'member')}"
    assert cloud.admin.put(path).status_code == 204

    answer = log_in(cloud, "domains", openid.token(sub="dora", g=team))

    shown = ask(cloud, answer.headers["X-Subject-Token"], f"{FED}/domains").json()["domains"]
    assert [one["id"] for one in shown] == ["default"]


def test_a_disabled_identity_provider_ends_its_tokens(
    cloud: Cloud, openid: OpenId, ready: Any
) -> None:
    ready("ending")
    token = log_in(cloud, "ending", openid.token(sub="ed")).headers["X-Subject-Token"]
    assert ask(cloud, token, f"{V3}/auth/projects").status_code == 200
    body = {"identity_provider": {"enabled": False}}

    cloud.admin.patch(f"{FED}/identity_providers/ending", json=body)

    assert ask(cloud, token, f"{V3}/auth/projects").status_code == 401
    assert log_in(cloud, "ending", openid.token(sub="ed")).status_code == 403


def test_a_user_goes_with_the_identity_provider(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    ready("leaving")
    user = log_in(cloud, "leaving", openid.token(sub="lea")).json()["token"]["user"]["id"]

    assert cloud.admin.delete(f"{FED}/identity_providers/leaving").status_code == 204

    assert cloud.admin.get(f"{V3}/users/{user}").status_code == 404


def test_a_disabled_user_stays_out(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    ready("shut")
    user = log_in(cloud, "shut", openid.token(sub="sam")).json()["token"]["user"]["id"]

    cloud.admin.patch(f"{V3}/users/{user}", json={"user": {"enabled": False}})

    assert log_in(cloud, "shut", openid.token(sub="sam")).status_code == 401


def test_a_name_that_is_taken_is_told(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    ready("taken", domain_id="default")

    answer = log_in(cloud, "taken", openid.token(sub="demo"))

    assert answer.status_code == 409
    assert "demo" in answer.json()["error"]["message"]


def test_a_local_user_is_the_one_that_is_here(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    user = {"name": "{0}", "domain": {"name": "Default"}, "type": "local"}
    ready("local", [{"local": [{"user": user}], "remote": [{"type": "sub"}]}])

    answer = log_in(cloud, "local", openid.token(sub="demo"))

    token = answer.json()["token"]
    assert token["user"]["id"] == cloud.demo.user_id
    assert "OS-FEDERATION" not in token["user"]
    made = scoped(cloud, answer.headers["X-Subject-Token"], cloud.demo.project_id)
    assert made.status_code == 201
    assert log_in(cloud, "local", openid.token(sub="nobody")).status_code == 401


def test_nobody_comes_of_what_no_rule_fits(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    ready("strict", [{"local": [USER], "remote": [{"type": "sub", "any_one_of": ["x"]}]}])

    answer = log_in(cloud, "strict", openid.token(sub="mallory"))

    assert answer.status_code == 401
    assert "No rule" in answer.json()["error"]["message"]


def test_only_known_remote_ids_are_believed(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    ready("remote", remote_ids=["https://other.example.com"])
    assert log_in(cloud, "remote", openid.token()).status_code == 403
    body = {"identity_provider": {"remote_ids": [openid.issuer]}}

    cloud.admin.patch(f"{FED}/identity_providers/remote", json=body)

    assert log_in(cloud, "remote", openid.token()).status_code == 201


def test_projects_and_roles_are_made_at_the_login(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    roles = [{"name": "member"}]
    local = [USER, {"projects": [{"name": "of-{0}", "roles": roles}]}]
    idp = ready("making", [{"local": local, "remote": [{"type": "sub"}]}])

    answer = log_in(cloud, "making", openid.token(sub="pat"))
    again = log_in(cloud, "making", openid.token(sub="pat"))

    assert again.status_code == 201
    shown = ask(cloud, answer.headers["X-Subject-Token"], f"{FED}/projects").json()["projects"]
    assert [(p["name"], p["domain_id"]) for p in shown] == [("of-pat", idp["domain_id"])]
    made = scoped(cloud, again.headers["X-Subject-Token"], shown[0]["id"])
    assert {r["name"] for r in made.json()["token"]["roles"]} == {"member", "reader"}


def test_an_unknown_role_makes_nothing(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    local = [USER, {"projects": [{"name": "half", "roles": [{"name": "no-such-role"}]}]}]
    idp = ready("halfway", [{"local": local, "remote": [{"type": "sub"}]}])

    assert log_in(cloud, "halfway", openid.token(sub="hal")).status_code == 401

    query = {"domain_id": idp["domain_id"]}
    assert cloud.admin.get(f"{V3}/projects", params=query).json()["projects"] == []
    assert cloud.admin.get(f"{V3}/users", params=query).json()["users"] == []


def test_a_membership_lasts_as_long_as_the_identity_provider_says(
    cloud: Cloud, openid: OpenId, ready: Any
) -> None:
    local = {"groups": "{1}", "domain": {"id": "default"}}
    rules = [{"local": [USER, local], "remote": [{"type": "sub"}, {"type": "groups"}]}]
    ready("lasting", rules, authorization_ttl=60)
    team, where = group(cloud, "lasting-team"), project(cloud, "lasting-team")
    grant(cloud, team, where)
    first = log_in(cloud, "lasting", openid.token(sub="vera", groups=["lasting-team"]))
    user_id = first.json()["token"]["user"]["id"]
    token = scoped(cloud, first.headers["X-Subject-Token"], where).headers["X-Subject-Token"]
    answer = cloud.admin.get(f"{V3}/users/{user_id}/groups").json()["groups"]
    assert [one["id"] for one in answer] == [team]
    assert answer[0]["membership_expires_at"]
    head = {"X-Auth-Token": token}
    path = f"{V3}/users/{user_id}/application_credentials"
    body = {"application_credential": {"name": "robot", "secret": "robot-secret"}}
    made = cloud.demo.post(path, json=body, headers=head).json()["application_credential"]

    def robot() -> int:
        proof = {"id": made["id"], "secret": "robot-secret"}
        identity = {"methods": ["application_credential"], "application_credential": proof}
        answer = cloud.admin.post(f"{V3}/auth/tokens", json={"auth": {"identity": identity}})
        return answer.status_code

    assert robot() == 201
    log_in(cloud, "lasting", openid.token(sub="vera", groups=["other"]))
    assert robot() == 401


def test_users_are_found_by_who_vouches_for_them(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    ready("finding")
    for name in ("f1", "f2"):
        log_in(cloud, "finding", openid.token(sub=name))

    def names(**query: str) -> list[str]:
        answer = cloud.admin.get(f"{V3}/users", params=query)
        return sorted(one["name"] for one in answer.json()["users"])

    assert names(idp_id="finding") == ["f1", "f2"]
    assert names(idp_id="finding", unique_id="f2") == ["f2"]
    assert names(idp_id="finding", protocol_id="none") == []


def test_an_admin_says_who_a_user_is_elsewhere(cloud: Cloud, openid: OpenId, ready: Any) -> None:
    idp = ready("saying")
    said = [{"idp_id": "saying", "protocols": [{"protocol_id": "openid", "unique_id": "sub-9"}]}]
    body = {"user": {"name": "zoe", "domain_id": idp["domain_id"], "federated": said}}
    made = cloud.admin.post(f"{V3}/users", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["user"]["federated"] == said

    answer = log_in(cloud, "saying", openid.token(sub="sub-9"))

    assert answer.json()["token"]["user"]["id"] == made.json()["user"]["id"]
    other = {"user": {"name": "zoe2", "federated": said}}
    assert cloud.admin.post(f"{V3}/users", json=other).status_code == 409
    unknown = {"user": {"name": "zoe3", "federated": [said[0] | {"idp_id": "none"}]}}
    assert cloud.admin.post(f"{V3}/users", json=unknown).status_code == 400
    path = f"{V3}/users/{made.json()['user']['id']}"
    assert cloud.admin.patch(path, json={"user": {"federated": []}}).status_code == 200
    assert "federated" not in cloud.admin.get(path).json()["user"]


def test_a_protocol_that_is_not_there_is_told(cloud: Cloud, ready: Any) -> None:
    ready("partly")

    assert log_in(cloud, "partly", "x", "saml2").status_code == 404
    assert log_in(cloud, "no-such", "x").status_code == 404


def test_service_providers_stand_in_tokens_while_they_are_enabled(cloud: Cloud) -> None:
    path = f"{FED}/service_providers/other-cloud"
    urls = {"auth_url": "https://b.example.com/v3/a", "sp_url": "https://b.example.com/sp"}
    body = {"service_provider": urls | {"enabled": True}}
    cloud.admin.put(path, json=body)

    shown = cloud.token("demo", "demo-secret", "demo").json()["token"]["service_providers"]

    assert shown == [urls | {"id": "other-cloud"}]
    cloud.admin.delete(path)
    assert "service_providers" not in cloud.token("demo", "demo-secret", "demo").json()["token"]
