"""Rules that ask for several methods in one login, and receipts for those that it had."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pileus.core.clock import ManualClock
from pileus.identity.methods.totp import passcode, step_at

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
    assert login(cloud, by_token(receipt)).status_code == 404
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


SEED = "JBSWY3DPEHPK3PXP"


def seeded(cloud: Cloud, name: str, *seeds: str, **more: Any) -> dict[str, Any]:
    """A user with a device."""
    made = user(cloud, name, **more)
    for seed in seeds or (SEED,):
        body = {"credential": {"user_id": made["id"], "type": "totp", "blob": seed}}
        assert cloud.admin.post(f"{V3}/credentials", json=body).status_code == 201
    return made


def by_passcode(name: str, code: str) -> dict[str, Any]:
    who = {"name": name, "domain": {"id": "default"}, "passcode": code}
    return {"methods": ["totp"], "totp": {"user": who}}


def code_at(clock: ManualClock, ago: float = 0, seed: str = SEED) -> str:
    """What the device shows, or showed so many seconds ago."""
    return passcode(seed, step_at(clock.now() - timedelta(seconds=ago)))


@pytest.fixture(autouse=True)
def fresh_admin(cloud: Cloud) -> None:
    token = cloud.token("admin", "admin-secret", "admin").headers["X-Subject-Token"]
    cloud.admin.headers["X-Auth-Token"] = token


@pytest.mark.parametrize(
    ("step", "code"), [(1, "287082"), (37037036, "081804"), (66666666, "279037")]
)
def test_passcodes_are_those_of_the_standard(step: int, code: str):
    # The last six digits of RFC 6238, appendix B.
    assert passcode("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", step) == code


def test_a_passcode_logs_in_and_may_be_a_little_late(cloud: Cloud, clock: ManualClock):
    for name, ago in (("now", 0.0), ("late", 30.0)):
        seeded(cloud, name)
        answer = login(cloud, by_passcode(name, code_at(clock, ago)), "unscoped")
        assert answer.status_code == 201, answer.text
        assert answer.json()["token"]["methods"] == ["totp"]


@pytest.mark.parametrize("ago", [60.0, -30.0])
def test_an_old_passcode_and_one_to_come_are_refused(cloud: Cloud, clock: ManualClock, ago: float):
    seeded(cloud, f"off-{ago}")

    assert login(cloud, by_passcode(f"off-{ago}", code_at(clock, ago))).status_code == 401


def test_a_passcode_works_once(cloud: Cloud, clock: ManualClock):
    seeded(cloud, "watched")
    code = code_at(clock)

    first = login(cloud, by_passcode("watched", code), "unscoped")
    second = login(cloud, by_passcode("watched", code), "unscoped")

    assert (first.status_code, second.status_code) == (201, 401)
    clock.advance(30)
    assert login(cloud, by_passcode("watched", code_at(clock)), "unscoped").status_code == 201


def test_any_of_a_users_devices_will_do_and_a_bad_seed_harms_none(cloud: Cloud, clock: ManualClock):
    other = "KRSXG5CTMVRXEZLU"
    seeded(cloud, "rich", "no Base32!", SEED.lower(), other)

    answer = login(cloud, by_passcode("rich", code_at(clock, seed=other)), "unscoped")

    assert answer.status_code == 201, answer.text


def test_a_password_and_a_passcode_meet_a_rule_with_a_receipt_between(
    cloud: Cloud, clock: ManualClock
):
    options = {"multi_factor_auth_rules": [["password", "totp"]]}
    seeded(cloud, "usual", options=options)
    first = login(cloud, by_password("usual"), "unscoped")
    assert first.status_code == 401

    answer = again(cloud, by_passcode("usual", code_at(clock)), first.headers[RECEIPT])

    assert answer.status_code == 201, answer.text
    assert set(answer.json()["token"]["methods"]) == {"password", "totp"}


def test_a_wrong_passcode_with_the_right_password_is_refused(cloud: Cloud):
    seeded(cloud, "half")
    identity = by_password("half") | by_passcode("half", "000000")
    identity["methods"] = ["password", "totp"]

    assert login(cloud, identity, "unscoped").status_code == 401


def test_one_who_guesses_passcodes_has_to_wait(cloud: Cloud, clock: ManualClock):
    seeded(cloud, "target")
    for _ in range(5):
        assert login(cloud, by_passcode("target", "000000"), "unscoped").status_code == 401

    assert login(cloud, by_passcode("target", code_at(clock)), "unscoped").status_code == 401
    clock.advance(31)
    assert login(cloud, by_passcode("target", code_at(clock)), "unscoped").status_code == 201


@pytest.mark.parametrize("code", ["", "12345", "1234567", "é" * 6, "abcdef", "000000"])
def test_what_is_no_passcode_is_refused(cloud: Cloud, code: str):
    seeded(cloud, f"typing-{code}")

    answer = login(cloud, by_passcode(f"typing-{code}", code), "unscoped")

    assert answer.status_code == (400 if not code else 401)


def test_a_user_without_a_device_and_nobody_are_answered_alike(cloud: Cloud):
    user(cloud, "bare")

    bare = login(cloud, by_passcode("bare", "000000"), "unscoped")
    nobody = login(cloud, by_passcode("no-such-user", "000000"), "unscoped")

    assert bare.status_code == nobody.status_code == 401
    assert bare.content == nobody.content
