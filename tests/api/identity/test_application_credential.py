"""Application credentials: made, used, and what a program with one may not do."""

from typing import Any

import httpx
import pytest

from pileus.app import SERVICES

from ...cloud import Client, Cloud
from .calls import V3, by_token, login, made, on, project, works


def _create(client: Client, name: str, **more: Any) -> dict[str, Any]:
    path = f"{V3}/users/{client.user_id}/application_credentials"
    body = {"application_credential": {"name": name} | more}
    return made(client.post(path, json=body), "application_credential")


def _login(cloud: Cloud, credential: dict[str, Any], scope: Any = None) -> httpx.Response:
    proof = {"id": credential["id"], "secret": credential["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": proof}
    return login(cloud, identity, scope)


def test_a_program_logs_in_with_it(cloud: Cloud):
    credential = _create(cloud.demo, "robot", roles=[{"name": "reader"}])

    token = _login(cloud, credential).json()["token"]

    assert token["project"]["id"] == cloud.demo.project_id
    assert [r["name"] for r in token["roles"]] == ["reader"]
    assert token["application_credential"]["restricted"] is True
    assert token["methods"] == ["application_credential"]


def test_it_is_found_by_name_and_user_too(cloud: Cloud):
    credential = _create(cloud.demo, "named", secret="chosen")
    proof = {"name": "named", "secret": "chosen", "user": {"id": cloud.demo.user_id}}
    identity = {"methods": ["application_credential"], "application_credential": proof}

    assert credential["secret"] == "chosen"
    assert login(cloud, identity).status_code == 201


def test_the_secret_is_shown_once(cloud: Cloud):
    credential = _create(cloud.demo, "once")
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"

    shown = cloud.demo.get(f"{path}/{credential['id']}").json()["application_credential"]
    listed = cloud.demo.get(path).json()["application_credentials"]

    assert "secret" not in shown
    assert "once" in [c["name"] for c in listed]
    assert not any("secret" in key for c in listed for key in c)


def test_a_wrong_secret_and_an_unknown_id_are_answered_alike(cloud: Cloud):
    credential = _create(cloud.demo, "wrong")

    wrong = _login(cloud, credential | {"secret": "nonsense"})
    unknown = _login(cloud, {"id": "0" * 32, "secret": "nonsense"})

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content


def test_it_opens_its_own_project_only(cloud: Cloud):
    credential = _create(cloud.demo, "narrow")
    elsewhere = project(cloud, "elsewhere")

    assert _login(cloud, credential, on(elsewhere["id"])).status_code == 401
    assert _login(cloud, credential, on(cloud.demo.project_id)).status_code == 201


def test_its_tokens_end_with_it(cloud: Cloud):
    credential = _create(cloud.demo, "brief")
    token = _login(cloud, credential).headers["X-Subject-Token"]
    assert works(cloud, token)

    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials/{credential['id']}"
    assert cloud.demo.delete(path).status_code == 204

    assert not works(cloud, token)


def test_a_restricted_one_makes_no_others(cloud: Cloud):
    token = _login(cloud, _create(cloud.demo, "meek")).headers["X-Subject-Token"]
    path = f"{cloud.base}{V3}/users/{cloud.demo.user_id}/application_credentials"
    body = {"application_credential": {"name": "offspring"}}

    answer = httpx.post(path, json=body, headers={"X-Auth-Token": token})

    assert answer.status_code == 403


def test_access_rules_let_through_what_they_name_and_nothing_else(cloud: Cloud):
    rules = [{"service": "identity", "method": "GET", "path": "/v3/users/*"}]
    token = _login(cloud, _create(cloud.demo, "ruled", access_rules=rules))
    client = httpx.Client(
        base_url=cloud.base, headers={"X-Auth-Token": token.headers["X-Subject-Token"]}
    )

    assert client.get(f"{V3}/users/{cloud.demo.user_id}").status_code == 200
    assert client.get(f"{V3}/users/{cloud.demo.user_id}/projects").status_code == 401
    assert client.get(f"{V3}/auth/projects").status_code == 401


def test_others_may_neither_see_nor_make_them(cloud: Cloud):
    credential = _create(cloud.demo, "private")
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"
    body = {"application_credential": {"name": "planted"}}

    assert cloud.other.get(path).status_code == 403
    assert cloud.other.get(f"{path}/{credential['id']}").status_code == 403
    assert cloud.other.post(path, json=body).status_code == 403
    assert cloud.admin.post(path, json=body).status_code == 403


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"name": "n" * 300},
        {"roles": [{"name": "admin"}]},
        {"roles": "member"},
        {"expires_at": "yesterday"},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"access_rules": [{"path": "no-slash", "method": "GET", "service": "compute"}]},
        {"access_rules": [{"path": "/v2.1", "method": "FETCH", "service": "compute"}]},
        {"secret": 5},
    ],
)
def test_a_bad_one_is_refused(cloud: Cloud, more: dict[str, Any]):
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"
    body = {"application_credential": {"name": "bad"} | more}

    assert cloud.demo.post(path, json=body).status_code == 400


def test_access_rules_are_listed_and_stay_while_in_use(cloud: Cloud):
    rules = [{"service": "compute", "method": "GET", "path": "/v2.1/**"}]
    _create(cloud.demo, "shown-rules", access_rules=rules)
    path = f"{V3}/users/{cloud.demo.user_id}/access_rules"

    found = cloud.demo.get(path).json()["access_rules"]

    mine = next(r for r in found if r["path"] == "/v2.1/**")
    assert cloud.demo.get(f"{path}/{mine['id']}").json()["access_rule"]["method"] == "GET"
    assert cloud.demo.delete(f"{path}/{mine['id']}").status_code == 403
    assert cloud.demo.get(f"{path}/nothing").status_code == 404
    assert cloud.other.get(path).status_code == 403


def test_an_empty_list_of_access_rules_restricts_nothing(cloud: Cloud):
    credential = _create(cloud.demo, "no-rules", access_rules=[])

    assert works(cloud, _login(cloud, credential).headers["X-Subject-Token"])


def _bearer(cloud: Cloud, credential: dict[str, Any]) -> Client:
    answer = _login(cloud, credential)
    assert answer.status_code == 201, answer.text
    token = answer.json()["token"]
    key = answer.headers["X-Subject-Token"]
    return Client(cloud.base, key, token["project"]["id"], token["user"]["id"])


def _rules(cloud: Cloud) -> list[dict[str, Any]]:
    path = f"{V3}/users/{cloud.demo.user_id}/access_rules"
    found: list[dict[str, Any]] = cloud.demo.get(path).json()["access_rules"]
    return found


def test_like_rules_are_one_and_outlive_their_credentials(cloud: Cloud):
    rule = {"service": "image", "method": "GET", "path": "/v2/images"}
    first = _create(cloud.demo, "first-of-two", access_rules=[rule])
    second = _create(cloud.demo, "second-of-two", access_rules=[rule])
    assert first["access_rules"] == second["access_rules"]
    path = f"{V3}/users/{cloud.demo.user_id}"

    for one in (first, second):
        assert cloud.demo.delete(f"{path}/application_credentials/{one['id']}").status_code == 204

    key = first["access_rules"][0]["id"]
    assert key in [r["id"] for r in _rules(cloud)]
    assert cloud.demo.delete(f"{path}/access_rules/{key}").status_code == 204
    assert key not in [r["id"] for r in _rules(cloud)]


def test_a_rule_is_named_by_its_id(cloud: Cloud):
    rule = {"service": "image", "method": "HEAD", "path": "/v2/images/*"}
    key = _create(cloud.demo, "by-rule", access_rules=[rule])["access_rules"][0]["id"]

    second = _create(cloud.demo, "by-id", access_rules=[{"id": key}])

    assert second["access_rules"] == [{"id": key} | rule]


def test_somebody_elses_rule_cannot_be_named(cloud: Cloud):
    rule = {"service": "image", "method": "PUT", "path": "/v2/images/*"}
    key = _create(cloud.other, "theirs", access_rules=[rule])["access_rules"][0]["id"]
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"
    body = {"application_credential": {"name": "borrower", "access_rules": [{"id": key}]}}

    assert cloud.demo.post(path, json=body).status_code == 400
    rules = f"{V3}/users/{cloud.demo.user_id}/access_rules/{key}"
    assert cloud.demo.get(rules).status_code == cloud.demo.delete(rules).status_code == 404


def test_rules_are_found_by_what_they_say(cloud: Cloud):
    rules = [{"service": "network", "method": m, "path": "/v2.0/ports"} for m in ("GET", "POST")]
    _create(cloud.demo, "filtered", access_rules=rules)
    path = f"{V3}/users/{cloud.demo.user_id}/access_rules"

    found = cloud.demo.get(path, params={"service": "network", "method": "POST"}).json()

    assert [r["method"] for r in found["access_rules"]] == ["POST"]


CALLS = {
    "compute": "/v2.1/servers/detail",
    "image": "/v2/images",
    "network": "/v2.0/networks",
    "placement": "/resource_providers",
}


@pytest.mark.parametrize("kind", CALLS)
def test_rules_hold_in_every_service(cloud: Cloud, kind: str):
    mounts = {s.type: s.path for s in SERVICES}
    path = CALLS[kind]
    rules = [{"service": kind, "method": "GET", "path": path}]
    client = _bearer(cloud, _create(cloud.demo, f"only-{kind}", access_rules=rules))

    allowed = client.get(mounts[kind] + path)
    others = [client.get(mounts[k] + p) for k, p in CALLS.items() if k != kind]

    assert allowed.status_code in (200, 403)  # placement asks for an administrator
    assert [one.status_code for one in others] == [401] * 3


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/v3/users/{user_id}", "/v3/users/ID", True),
        ("/v3/users/*", "/v3/users/ID/projects", False),
        ("/v3/users/**", "/v3/users/ID/projects", True),
        ("/v3/**/projects", "/v3/users/ID/projects", True),
        ("/v3/*", "/v3/users/ID", False),
        ("/v3/users/ID", "/v3/users/ID/", True),
        ("/v3/users/.*", "/v3/users/ID", False),
    ],
)
def test_the_wildcards_of_a_rules_path(cloud: Cloud, pattern: str, path: str, fits: bool):
    key = cloud.demo.user_id
    rule = {"service": "identity", "method": "GET", "path": pattern.replace("ID", key)}
    name = f"path-{pattern}-{path}"
    client = _bearer(cloud, _create(cloud.demo, name, access_rules=[rule]))

    answer = client.get(V3.removesuffix("/v3") + path.replace("ID", key))

    assert (answer.status_code == 200) is fits


def test_a_token_with_rules_can_always_be_looked_at(cloud: Cloud):
    rules = [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]
    client = _bearer(cloud, _create(cloud.demo, "self-seen", access_rules=rules))
    headers = {"X-Subject-Token": client.headers["X-Auth-Token"]}

    assert client.get(f"{V3}/auth/tokens", headers=headers).status_code == 200
    assert client.delete(f"{V3}/auth/tokens", headers=headers).status_code == 401


def test_a_token_made_of_one_with_rules_keeps_them(cloud: Cloud):
    rules = [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]
    client = _bearer(cloud, _create(cloud.demo, "kept-rules", access_rules=rules))

    answer = login(cloud, by_token(client.headers["X-Auth-Token"]))

    assert answer.status_code == 201
    assert not works(cloud, answer.headers["X-Subject-Token"])


def test_what_an_unrestricted_one_with_rules_makes_is_bound_by_them(cloud: Cloud):
    path = f"/v3/users/{cloud.demo.user_id}/application_credentials"
    rules = [{"service": "identity", "method": "POST", "path": path}]
    client = _bearer(cloud, _create(cloud.demo, "maker", unrestricted=True, access_rules=rules))

    def make(name: str, **more: Any) -> int:
        body = {"application_credential": {"name": name} | more}
        return client.post(f"/identity{path}", json=body).status_code

    other = {"service": "identity", "method": "GET", "path": "/v3/**"}
    assert make("free") == 403
    assert make("wider", access_rules=[*rules, other]) == 403
    assert make("alike", access_rules=rules) == 201


def test_a_role_that_is_deleted_takes_the_credentials_with_it_along(cloud: Cloud):
    role = cloud.admin.post(f"{V3}/roles", json={"role": {"name": "passing"}}).json()["role"]
    grant = f"{V3}/projects/{cloud.demo.project_id}/users/{cloud.demo.user_id}/roles/{role['id']}"
    assert cloud.admin.put(grant).status_code == 204
    with_it = _create(cloud.demo, "with-it", roles=[{"name": "passing"}, {"name": "reader"}])
    without = _create(cloud.demo, "without", roles=[{"name": "reader"}])

    assert cloud.admin.delete(f"{V3}/roles/{role['id']}").status_code == 204

    assert _login(cloud, with_it).status_code == 401
    assert _login(cloud, without).status_code == 201
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"
    assert cloud.demo.get(f"{path}/{with_it['id']}").status_code == 404


def test_one_opens_nothing_once_its_user_has_left_the_project(cloud: Cloud):
    client = cloud.new_member("leaver")
    credential = _create(client, "left-behind")
    grant = f"{V3}/projects/{client.project_id}/users/{client.user_id}/roles"
    role = cloud.admin.get(grant).json()["roles"][0]["id"]

    assert cloud.admin.delete(f"{grant}/{role}").status_code == 204

    assert _login(cloud, credential).status_code == 401
