"""Users and their passwords."""

import pytest

from ...cloud import Cloud
from .calls import V3, by_password, login, project, user


def test_a_user_keeps_keys_of_the_clients_own(cloud: Cloud):
    made = user(cloud, "mail", email="a@example.org", description="hello")

    shown = cloud.admin.get(f"{V3}/users/{made['id']}").json()["user"]

    assert shown["email"] == "a@example.org"
    assert shown["links"]["self"] == f"{cloud.base}{V3}/users/{made['id']}"
    assert shown["password_expires_at"] is None
    assert "password" not in str(shown.keys() - {"password_expires_at"})


def test_users_are_found_by_name(cloud: Cloud):
    user(cloud, "findable")

    exact = cloud.admin.get(f"{V3}/users", params={"name": "findable"}).json()["users"]
    part = cloud.admin.get(f"{V3}/users", params={"name__contains": "indab"}).json()["users"]

    assert [u["name"] for u in exact] == [u["name"] for u in part] == ["findable"]


def test_a_name_can_be_used_once_in_a_domain(cloud: Cloud):
    user(cloud, "unique")

    answer = cloud.admin.post(f"{V3}/users", json={"user": {"name": "unique"}})

    assert answer.status_code == 409
    assert answer.json()["error"]["title"] == "Conflict"


def test_a_user_changes_its_own_password(cloud: Cloud):
    made = user(cloud, "careful")
    path = f"{V3}/users/{made['id']}/password"
    body = {"user": {"password": "newer", "original_password": "careful-secret"}}

    assert cloud.demo.post(path, json=body).status_code == 204

    assert login(cloud, by_password("careful"), "unscoped").status_code == 401
    assert login(cloud, by_password("careful", "newer"), "unscoped").status_code == 201


def test_the_old_password_must_be_right(cloud: Cloud):
    made = user(cloud, "guarded")
    body = {"user": {"password": "newer", "original_password": "guess"}}

    assert cloud.demo.post(f"{V3}/users/{made['id']}/password", json=body).status_code == 401
    assert cloud.demo.post(f"{V3}/users/{'0' * 32}/password", json=body).status_code == 401


def test_a_member_sees_itself_and_nobody_else(cloud: Cloud):
    own = cloud.demo.get(f"{V3}/users/{cloud.demo.user_id}")
    theirs = cloud.demo.get(f"{V3}/users/{cloud.admin.user_id}")
    nobody = cloud.demo.get(f"{V3}/users/{'0' * 32}")

    assert own.status_code == 200
    assert theirs.status_code == nobody.status_code == 403
    assert cloud.demo.get(f"{V3}/users").status_code == 403
    assert cloud.demo.post(f"{V3}/users", json={"user": {"name": "x"}}).status_code == 403
    assert cloud.demo.delete(f"{V3}/users/{cloud.admin.user_id}").status_code == 403


def test_an_absent_user_is_404_to_an_admin(cloud: Cloud):
    assert cloud.admin.get(f"{V3}/users/{'0' * 32}").status_code == 404
    assert cloud.admin.patch(f"{V3}/users/x", json={"user": {}}).status_code == 404
    assert cloud.admin.delete(f"{V3}/users/x").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"user": None},
        {"user": {}},
        {"user": {"name": ""}},
        {"user": {"name": "n" * 300}},
        {"user": {"name": 5}},
        {"user": {"name": "x", "enabled": "yes"}},
        {"user": {"name": "x", "password": 5}},
        {"user": {"name": "x", "password": ""}},
        {"user": {"name": "x", "password": "p" * 5000}},
        {"user": {"name": "x", "k" * 300: 1}},
    ],
)
def test_a_bad_user_is_refused_and_not_made(cloud: Cloud, body: object):
    before = len(cloud.admin.get(f"{V3}/users").json()["users"])

    answer = cloud.admin.post(f"{V3}/users", json=body)

    assert answer.status_code == 400, answer.text
    assert len(cloud.admin.get(f"{V3}/users").json()["users"]) == before


def test_malformed_json_is_400(cloud: Cloud):
    headers = {"Content-Type": "application/json"}

    answer = cloud.admin.post(f"{V3}/users", content=b'{"user": ', headers=headers)

    assert answer.status_code == 400


def test_a_users_domain_cannot_be_changed(cloud: Cloud):
    made = user(cloud, "settled")

    answer = cloud.admin.patch(
        f"{V3}/users/{made['id']}", json={"user": {"domain_id": "elsewhere"}}
    )

    assert answer.status_code == 400


def test_deleting_a_user_leaves_nothing_of_it(cloud: Cloud):
    made = user(cloud, "leaving", default_project_id=project(cloud, "leaving")["id"])

    assert cloud.admin.delete(f"{V3}/users/{made['id']}").status_code == 204

    assert cloud.admin.get(f"{V3}/users/{made['id']}").status_code == 404
    assert not [f for f in cloud.audit() if f.id == "I6" or f.id.startswith("identity.")]


def test_a_user_of_a_domain_that_is_none_is_404(cloud: Cloud):
    body = {"user": {"name": "x", "domain_id": "nowhere"}}

    assert cloud.admin.post(f"{V3}/users", json=body).status_code == 404
