"""Ways around a login that other clouds have been found to leave open."""

from typing import Any

import httpx
import pytest

from ...cloud import Client, Cloud
from .calls import V3, by_password, by_token, login, made, member, on, user


def _bearer(cloud: Cloud, answer: httpx.Response) -> Client:
    assert answer.status_code == 201, answer.text
    token = answer.json()["token"]
    key = answer.headers["X-Subject-Token"]
    return Client(cloud.base, key, token["project"]["id"], token["user"]["id"])


def test_what_was_lent_makes_no_credential_that_stays(cloud: Cloud):
    # A token of a trust would leave a way in that outlives the trust.
    trustee, _ = member(cloud, "borrower")
    body = {
        "trustor_user_id": cloud.demo.user_id,
        "trustee_user_id": trustee["id"],
        "project_id": cloud.demo.project_id,
        "impersonation": True,
        "roles": [{"name": "member"}],
    }
    trust = made(cloud.demo.post(f"{V3}/OS-TRUST/trusts", json={"trust": body}), "trust")
    scope = {"OS-TRUST:trust": {"id": trust["id"]}}
    lent = _bearer(cloud, login(cloud, by_password("borrower"), scope))
    at = f"{V3}/users/{cloud.demo.user_id}"

    new = {"application_credential": {"name": "back-door"}}
    answers = [
        lent.post(f"{at}/application_credentials", json=new),
        lent.get(f"{at}/application_credentials"),
        lent.get(f"{at}/access_rules"),
    ]

    assert lent.user_id == cloud.demo.user_id
    assert [a.status_code for a in answers] == [403, 403, 403]


def test_a_token_from_before_a_rule_makes_none_that_the_rule_would_not_give(cloud: Cloud):
    who, where = member(cloud, "earlier")
    token = login(cloud, by_password("earlier"), "unscoped").headers["X-Subject-Token"]
    rules = {"multi_factor_auth_rules": [["password", "totp"]]}
    cloud.admin.patch(f"{V3}/users/{who['id']}", json={"user": {"options": rules}})

    answer = login(cloud, by_token(token), on(where["id"]))

    assert answer.status_code == 401
    assert answer.json()["receipt"]["methods"] == ["password", "token"]


def test_a_user_cannot_set_its_own_options(cloud: Cloud):
    body = {"user": {"options": {"multi_factor_auth_enabled": False}}}

    answer = cloud.demo.patch(f"{V3}/users/{cloud.demo.user_id}", json=body)

    assert answer.status_code == 403


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_an_application_credential_goes_the_way_of_its_user(cloud: Cloud, how: str):
    client = cloud.new_member(f"owner-{how}")
    path = f"{V3}/users/{client.user_id}/application_credentials"
    given = made(
        client.post(path, json={"application_credential": {"name": "x"}}), "application_credential"
    )
    at = f"{V3}/users/{client.user_id}"
    if how == "disabled":
        cloud.admin.patch(at, json={"user": {"enabled": False}})
    else:
        cloud.admin.delete(at)

    proof = {"id": given["id"], "secret": given["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": proof}

    assert login(cloud, identity).status_code == 401


def _both(name: str, other: dict[str, Any]) -> dict[str, Any]:
    return by_password(name) | other | {"methods": ["password", *other["methods"]]}


def test_two_methods_of_two_users_are_refused(cloud: Cloud):
    user(cloud, "somebody")
    token = cloud.demo.headers["X-Auth-Token"]

    assert login(cloud, _both("somebody", by_token(token)), "unscoped").status_code == 401


def test_a_method_cannot_widen_what_another_is_bound_to(cloud: Cloud):
    # A password beside an application credential gives what the credential gives.
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"
    body = {"application_credential": {"name": "bound", "roles": [{"name": "reader"}]}}
    given = made(cloud.demo.post(path, json=body), "application_credential")
    proof = {"id": given["id"], "secret": given["secret"]}
    other = {"methods": ["application_credential"], "application_credential": proof}

    answer = login(cloud, _both("demo", other))

    assert [r["name"] for r in answer.json()["token"]["roles"]] == ["reader"]
    assert login(cloud, _both("demo", other), "unscoped").status_code == 401


def test_no_error_repeats_a_passcode(cloud: Cloud):
    who = {"id": cloud.demo.user_id, "passcode": "p4ssc0de" * 20}

    answer = login(cloud, {"methods": ["totp"], "totp": {"user": who}})

    assert answer.status_code == 400
    assert "p4ssc0de" not in answer.text


@pytest.mark.parametrize("length", [4097, 1 << 19])
def test_a_password_is_not_hashed_at_any_length(cloud: Cloud, length: int):
    answer = login(cloud, by_password("demo", "x" * length))

    assert answer.status_code == 400
