"""Trusts: lent, used, used up, lent on, and over with whoever and whatever is behind them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ...cloud import Client, Cloud
from .calls import V3, by_password, by_token, grant, login, made, member, project, role, user, works

AT = f"{V3}/OS-TRUST/trusts"


def _client(cloud: Cloud, name: str) -> Client:
    return cloud.client(name, f"{name}-secret", name)


def _lend(client: Client, trustee: str, **more: Any) -> httpx.Response:
    body = {
        "trustor_user_id": client.user_id,
        "trustee_user_id": trustee,
        "project_id": client.project_id,
        "impersonation": True,
        "roles": [{"name": "member"}],
    }
    return client.post(AT, json={"trust": body | more})


def _use(cloud: Cloud, name: str, trust: dict[str, Any]) -> httpx.Response:
    return login(cloud, by_password(name), {"OS-TRUST:trust": {"id": trust["id"]}})


def _borrowed(cloud: Cloud, name: str, trust: dict[str, Any]) -> Client:
    answer = _use(cloud, name, trust)
    assert answer.status_code == 201, answer.text
    token = answer.json()["token"]
    headers = answer.headers["X-Subject-Token"]
    return Client(cloud.base, headers, trust["project_id"], token["user"]["id"])


@pytest.fixture
def pair(cloud: Cloud, request: pytest.FixtureRequest) -> tuple[Client, dict[str, Any]]:
    """A trustor in its project, and a trustee with nothing; named after the test."""
    mark = request.node.name[-40:]
    member(cloud, f"or-{mark}")
    return _client(cloud, f"or-{mark}"), user(cloud, f"ee-{mark}")


def test_a_trustee_logs_in_as_the_trustor(cloud: Cloud, pair: tuple[Client, dict[str, Any]]):
    client, trustee = pair
    trust = made(_lend(client, trustee["id"], roles=[{"name": "reader"}]), "trust")

    token = _use(cloud, trustee["name"], trust).json()["token"]

    assert token["user"]["id"] == client.user_id
    assert token["project"]["id"] == client.project_id
    assert [one["name"] for one in token["roles"]] == ["reader"]
    assert token["OS-TRUST:trust"] == {
        "id": trust["id"],
        "impersonation": True,
        "trustor_user": {"id": client.user_id},
        "trustee_user": {"id": trustee["id"]},
    }


def test_without_impersonation_the_trustee_stays_itself(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]]
):
    client, trustee = pair
    trust = made(_lend(client, trustee["id"], impersonation=False), "trust")

    token = _use(cloud, trustee["name"], trust).json()["token"]

    assert token["user"]["id"] == trustee["id"]
    assert {one["name"] for one in token["roles"]} == {"member", "reader"}


def test_a_trust_is_shown_with_its_roles_and_listed_without(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]]
):
    client, trustee = pair
    at = datetime.now(UTC) + timedelta(hours=1)
    trust = made(_lend(client, trustee["id"], expires_at=f"{at:%Y-%m-%dT%H:%M:%SZ}"), "trust")
    one, id_ = f"{AT}/{trust['id']}", role(cloud, "member")

    listed = client.get(AT, params={"trustor_user_id": client.user_id}).json()["trusts"]
    by_trustee = cloud.admin.get(AT, params={"trustee_user_id": trustee["id"]}).json()["trusts"]

    assert client.get(one).json()["trust"] == trust
    assert trust["expires_at"] == f"{at:%Y-%m-%dT%H:%M:%S}.000000Z"
    assert trust["deleted_at"] is None
    assert [r["name"] for r in trust["roles"]] == ["member"]
    assert [t["id"] for t in listed] == [t["id"] for t in by_trustee] == [trust["id"]]
    assert "roles" not in listed[0]
    assert [r["id"] for r in client.get(f"{one}/roles").json()["roles"]] == [id_]
    assert client.get(f"{one}/roles/{id_}").json()["role"]["name"] == "member"
    assert client.head(f"{one}/roles/{id_}").status_code == 200
    assert client.get(f"{one}/roles/{role(cloud, 'admin')}").status_code == 404


def test_only_the_two_and_the_admin_see_it_and_only_the_trustor_lends(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]]
):
    client, trustee = pair
    trust = made(_lend(client, trustee["id"]), "trust")
    one = f"{AT}/{trust['id']}"

    assert cloud.demo.get(one).status_code == 403
    assert cloud.demo.delete(one).status_code == 403
    assert cloud.demo.get(AT).status_code == 403
    assert _lend(cloud.demo, trustee["id"], trustor_user_id=client.user_id).status_code == 403
    assert cloud.admin.get(one).status_code == 200
    assert cloud.demo.get(f"{AT}/nothing").status_code == 404


def test_what_cannot_be_lent(cloud: Cloud, pair: tuple[Client, dict[str, Any]]):
    client, trustee = pair

    def status(**more: Any) -> int:
        return _lend(client, more.pop("trustee", trustee["id"]), **more).status_code

    assert status(roles=[{"name": "admin"}]) == 404  # the trustor does not have it
    assert status(roles=[{"id": "nothing"}]) == 404
    assert status(roles=[]) == 403
    assert status(trustee="nobody") == 404
    assert status(project_id="nowhere") == 404
    assert status(expires_at="2001-01-01T00:00:00Z") == 400
    assert status(expires_at="bad.123Z") == 400
    assert status(remaining_uses=0) == 400
    assert status(impersonation=None) == 400
    assert status(allow_redelegation=True, remaining_uses=1) == 400
    assert status(allow_redelegation=True, redelegation_count=4) == 403


def test_it_is_used_up(cloud: Cloud, pair: tuple[Client, dict[str, Any]]):
    client, trustee = pair
    trust = made(_lend(client, trustee["id"], remaining_uses=2), "trust")

    first = _borrowed(cloud, trustee["name"], trust)
    left = client.get(f"{AT}/{trust['id']}").json()["trust"]["remaining_uses"]
    second = _borrowed(cloud, trustee["name"], trust)

    assert left == 1
    assert _use(cloud, trustee["name"], trust).status_code == 401
    assert client.get(f"{AT}/{trust['id']}").status_code == 404
    assert works(cloud, first.headers["X-Auth-Token"])
    assert works(cloud, second.headers["X-Auth-Token"])


def test_a_wrong_password_uses_nothing_up(cloud: Cloud, pair: tuple[Client, dict[str, Any]]):
    client, trustee = pair
    trust = made(_lend(client, trustee["id"], remaining_uses=1), "trust")
    scope = {"OS-TRUST:trust": {"id": trust["id"]}}

    wrong = login(cloud, by_password(trustee["name"], "wrong"), scope)
    stranger = login(cloud, by_password("demo"), scope)

    assert (wrong.status_code, stranger.status_code) == (401, 401)
    assert _use(cloud, trustee["name"], trust).status_code == 201


@pytest.mark.parametrize("gone", ["trust", "trustor", "trustee", "role", "grant", "disabled"])
def test_its_tokens_end_with_what_is_behind_it(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]], gone: str
):
    client, trustee = pair
    own = made(cloud.admin.post(f"{V3}/roles", json={"role": {"name": f"own-{gone}"}}), "role")
    granted = grant(cloud, client.user_id, client.project_id, f"own-{gone}")
    trust = made(_lend(client, trustee["id"], roles=[{"id": own["id"]}]), "trust")
    token = _borrowed(cloud, trustee["name"], trust).headers["X-Auth-Token"]
    assert works(cloud, token)

    off = {"user": {"enabled": False}}
    done = {
        "trust": lambda: cloud.admin.delete(f"{AT}/{trust['id']}"),
        "trustor": lambda: cloud.admin.delete(f"{V3}/users/{client.user_id}"),
        "trustee": lambda: cloud.admin.delete(f"{V3}/users/{trustee['id']}"),
        "role": lambda: cloud.admin.delete(f"{V3}/roles/{own['id']}"),
        "grant": lambda: cloud.admin.delete(granted),
        "disabled": lambda: cloud.admin.patch(f"{V3}/users/{trustee['id']}", json=off),
    }[gone]()

    assert done.is_success, done.text
    assert not works(cloud, token)
    there = cloud.admin.get(f"{AT}/{trust['id']}").status_code
    assert there == (200 if gone in ("grant", "disabled") else 404)


def test_its_token_makes_no_other_token_and_no_application_credential_lends(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]]
):
    client, trustee = pair
    trust = made(_lend(client, trustee["id"]), "trust")
    borrowed = _borrowed(cloud, trustee["name"], trust)
    path = f"{V3}/users/{client.user_id}/application_credentials"
    body = {"application_credential": {"name": "robot", "unrestricted": True}}
    robot = made(client.post(path, json=body), "application_credential")
    proof = {"id": robot["id"], "secret": robot["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": proof}
    token = login(cloud, identity).headers["X-Subject-Token"]
    program = Client(cloud.base, token, client.project_id, client.user_id)

    assert login(cloud, by_token(borrowed.headers["X-Auth-Token"])).status_code == 403
    assert _lend(program, trustee["id"]).status_code == 403
    assert program.get(f"{AT}/{trust['id']}").status_code == 403


def test_a_trust_is_lent_on_as_often_as_it_says(cloud: Cloud, pair: tuple[Client, dict[str, Any]]):
    client, first = pair
    names = [f"{first['name']}-{n}" for n in (2, 3)]
    second, third = (user(cloud, name) for name in names)
    more: dict[str, Any] = {"allow_redelegation": True}
    trust = made(_lend(client, first["id"], redelegation_count=1, **more), "trust")

    one = _borrowed(cloud, first["name"], trust)
    lent = made(_lend(one, second["id"], **more), "trust")
    two = _borrowed(cloud, second["name"], lent)

    assert (lent["redelegated_trust_id"], lent["redelegation_count"]) == (trust["id"], 0)
    assert two.user_id == client.user_id
    assert _lend(two, third["id"]).status_code == 403
    assert client.delete(f"{AT}/{trust['id']}").status_code == 204
    assert cloud.admin.get(f"{AT}/{lent['id']}").status_code == 404
    assert not works(cloud, two.headers["X-Auth-Token"])


def test_no_more_is_lent_on_than_was_lent(cloud: Cloud, pair: tuple[Client, dict[str, Any]]):
    client, first = pair
    grant(cloud, client.user_id, client.project_id, "manager")
    second = user(cloud, f"{first['name']}-2")
    at = datetime.now(UTC) + timedelta(hours=1)
    later = at + timedelta(hours=1)
    more = {"allow_redelegation": True, "expires_at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    trust = made(_lend(client, first["id"], impersonation=False, **more), "trust")
    one = _borrowed(cloud, first["name"], trust)

    def status(**more: Any) -> int:
        given = {"impersonation": False, "trustor_user_id": first["id"]} | more
        return _lend(one, second["id"], **given).status_code

    assert status(roles=[{"name": "manager"}]) == 403
    assert status(impersonation=True) == 403
    assert status(expires_at=f"{later:%Y-%m-%dT%H:%M:%SZ}") == 403
    assert status(remaining_uses=1) == 403
    elsewhere = project(cloud, f"{first['name']}-p")
    grant(cloud, client.user_id, elsewhere["id"])
    assert status(project_id=elsewhere["id"]) == 403
    lent = made(_lend(one, second["id"], impersonation=False), "trust")
    assert lent["expires_at"] == trust["expires_at"]
    assert _borrowed(cloud, second["name"], lent).user_id == second["id"]


def test_a_trusts_token_lives_no_longer_than_the_trust(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]]
):
    client, trustee = pair
    at = datetime.now(UTC) + timedelta(minutes=5)
    trust = made(_lend(client, trustee["id"], expires_at=f"{at:%Y-%m-%dT%H:%M:%SZ}"), "trust")

    token = _use(cloud, trustee["name"], trust).json()["token"]

    assert token["expires_at"] == trust["expires_at"]


def test_a_trust_for_no_project_opens_nothing_but_is_one(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]]
):
    client, trustee = pair
    trust = made(_lend(client, trustee["id"], project_id=None, roles=[]), "trust")

    token = _use(cloud, trustee["name"], trust).json()["token"]

    assert trust["roles"] == []
    assert token["user"]["id"] == client.user_id
    assert "project" not in token


def test_an_ec2_credential_of_a_trust_stays_the_trusts(
    cloud: Cloud, pair: tuple[Client, dict[str, Any]]
):
    from .test_ec2 import _ask, _create, _signed_2

    client, trustee = pair
    trust = made(_lend(client, trustee["id"]), "trust")
    credential = _create(_borrowed(cloud, trustee["name"], trust))

    token = _ask(cloud, _signed_2(credential)).json()["token"]
    client.delete(f"{AT}/{trust['id']}")

    assert token["OS-TRUST:trust"]["id"] == trust["id"]
    assert credential["trust_id"] == trust["id"]
    assert _ask(cloud, _signed_2(credential)).status_code == 401
