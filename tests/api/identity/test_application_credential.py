"""Application credentials: made, used, and what a program with one may not do."""

from typing import Any

import httpx
import pytest

from ...cloud import Client, Cloud
from .calls import V3, login, made, on, project, works


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
