"""Rules that ask for several methods in one login, and receipts for those that it had."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pileus.core.clock import ManualClock

from ...cloud import Cloud
from .calls import V3, by_password, by_token, login, user, works

RECEIPT = "OpenStack-Auth-Receipt"


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, clock: ManualClock) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp("cloud"), start=False, clock=clock)
    yield made
    made.close()


def ruled(cloud: Cloud, name: str, rules: list[list[str]], **more: Any) -> dict[str, Any]:
    return user(cloud, name, options={"multi_factor_auth_rules": rules, **more})


def both(name: str, token: str) -> dict[str, Any]:
    return by_password(name) | by_token(token) | {"methods": ["password", "token"]}


def token_of(cloud: Cloud, name: str) -> str:
    """A token that the user had before there was a rule."""
    made = login(cloud, by_password(name), "unscoped")
    assert made.status_code == 201, made.text
    return made.headers["X-Subject-Token"]


def set_rules(cloud: Cloud, who: dict[str, Any], rules: list[list[str]] | None) -> None:
    body = {"user": {"options": {"multi_factor_auth_rules": rules}}}
    assert cloud.admin.patch(f"{V3}/users/{who['id']}", json=body).status_code == 200


def again(cloud: Cloud, identity: dict[str, Any], receipt: str) -> httpx.Response:
    body = {"auth": {"identity": identity, "scope": "unscoped"}}
    return httpx.post(
        f"{cloud.base}{V3}/auth/tokens", json=body, headers={RECEIPT: receipt}, timeout=60
    )


def test_a_login_that_lacks_a_method_gets_a_receipt(cloud: Cloud):
    made = ruled(cloud, "two", [["password", "token"]])

    answer = login(cloud, by_password("two"), "unscoped")

    assert answer.status_code == 401
    assert answer.headers[RECEIPT]
    assert "X-Subject-Token" not in answer.headers
    body = answer.json()
    assert body["required_auth_methods"] == [["password", "token"]]
    assert body["receipt"]["methods"] == ["password"]
    assert body["receipt"]["user"] == {
        "id": made["id"],
        "name": "two",
        "domain": {"id": "default", "name": "Default"},
    }
    assert body["receipt"]["expires_at"] > body["receipt"]["issued_at"]


def test_the_receipt_and_what_was_lacking_give_a_token(cloud: Cloud):
    who = user(cloud, "later")
    token = token_of(cloud, "later")
    set_rules(cloud, who, [["password", "application_credential"], ["password", "token", "totp"]])
    set_rules(cloud, who, [["password", "token"]])
    first = login(cloud, by_password("later"), "unscoped")

    answer = again(cloud, by_token(token), first.headers[RECEIPT])

    assert answer.status_code == 201, answer.text
    assert set(answer.json()["token"]["methods"]) == {"password", "token"}


def test_all_methods_at_once_need_no_receipt(cloud: Cloud):
    who = user(cloud, "once")
    token = token_of(cloud, "once")
    set_rules(cloud, who, [["password", "token"]])

    assert login(cloud, both("once", token), "unscoped").status_code == 201


def test_a_wrong_password_gets_no_receipt(cloud: Cloud):
    ruled(cloud, "wrong", [["password", "token"]])

    answer = login(cloud, by_password("wrong", "guess"), "unscoped")

    assert answer.status_code == 401
    assert RECEIPT not in answer.headers


def test_rules_that_are_switched_off_ask_for_nothing(cloud: Cloud):
    ruled(cloud, "off", [["password", "token"]], multi_factor_auth_enabled=False)

    assert login(cloud, by_password("off"), "unscoped").status_code == 201


def test_methods_that_there_are_not_lock_nobody_out(cloud: Cloud):
    ruled(cloud, "odd", [["retina"], ["password", "fingerprint"]])

    assert login(cloud, by_password("odd"), "unscoped").status_code == 201


def test_a_receipt_is_its_users_alone(cloud: Cloud):
    ruled(cloud, "mine", [["password", "token"]])
    user(cloud, "theirs")
    receipt = login(cloud, by_password("mine"), "unscoped").headers[RECEIPT]

    assert again(cloud, by_password("theirs"), receipt).status_code == 401


@pytest.mark.parametrize("receipt", ["nonsense", "gAAAAA" + "A" * 60])
def test_a_receipt_that_is_none_is_refused(cloud: Cloud, receipt: str):
    assert again(cloud, by_password("demo", "demo-secret"), receipt).status_code == 401


def test_a_receipt_is_no_token_and_a_token_is_no_receipt(cloud: Cloud):
    ruled(cloud, "mixed", [["password", "token"]])
    receipt = login(cloud, by_password("mixed"), "unscoped").headers[RECEIPT]
    token = cloud.demo.headers["X-Auth-Token"]

    assert not works(cloud, receipt)
    assert login(cloud, by_token(receipt)).status_code == 401
    assert again(cloud, by_password("demo", "demo-secret"), token).status_code == 401


def test_a_receipt_ends_with_the_password_that_it_proves(cloud: Cloud):
    who = user(cloud, "changed")
    token = token_of(cloud, "changed")
    set_rules(cloud, who, [["password", "token"]])
    receipt = login(cloud, by_password("changed"), "unscoped").headers[RECEIPT]
    set_rules(cloud, who, None)
    assert again(cloud, by_token(token), receipt).status_code == 201

    cloud.admin.patch(f"{V3}/users/{who['id']}", json={"user": {"password": "other"}})

    assert again(cloud, by_password("changed", "other"), receipt).status_code == 401


def test_a_receipt_expires(cloud: Cloud, clock: ManualClock):
    ruled(cloud, "slow", [["password", "token"]])
    receipt = login(cloud, by_password("slow"), "unscoped").headers[RECEIPT]

    clock.advance(301)

    assert again(cloud, by_password("slow"), receipt).json().get("receipt") is None
