"""What the settings ask of passwords: strength, age, history, expiry, lockout, inactivity."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pileus.core.clock import ManualClock
from pileus.core.db import Database
from pileus.identity import Tokens
from pileus.identity.password_rules import OldPassword
from pileus.identity.settings import BadSettings, SecurityCompliance, read

from ...cloud import Cloud
from .calls import V3, by_password, login, user

DAY = 86400.0
Rules = Callable[..., None]


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, clock: ManualClock) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp("cloud"), start=False, clock=clock)
    yield made
    made.close()


@pytest.fixture
def rules(cloud: Cloud) -> Iterator[Rules]:
    """Sets rules, which go with the test."""
    tokens = cloud.parts[Tokens]
    usual = tokens.settings

    def given(**values: Any) -> None:
        wanted = SecurityCompliance(**values)
        tokens.settings = msgspec.structs.replace(usual, security_compliance=wanted)

    admin = cloud.admin.headers["X-Auth-Token"]
    fresh = cloud.token("admin", "admin-secret", "admin")
    cloud.admin.headers["X-Auth-Token"] = fresh.headers.get("X-Subject-Token", admin)
    yield given
    tokens.settings = usual


def status(cloud: Cloud, name: str, password: str = "") -> int:
    return login(cloud, by_password(name, password), "unscoped").status_code


def change(cloud: Cloud, who: dict[str, Any], old: str, new: str) -> httpx.Response:
    body = {"user": {"password": new, "original_password": old}}
    return httpx.post(f"{cloud.base}{V3}/users/{who['id']}/password", json=body, timeout=60)


def test_the_rules_come_from_a_file(tmp_path: Path):
    file = tmp_path / "identity.yaml"
    file.write_text("security_compliance: {lockout_failure_attempts: 3}\n")

    assert read(file).security_compliance.lockout_failure_attempts == 3
    assert read(None).security_compliance == SecurityCompliance()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "security_compliance: 5",
        "security_compliance: {lockout_attempts: 3}",
        "security_compliance: {lockout_failure_attempts: 0}",
        "security_compliance: {password_regex: '('}",
        "token: {provider: uuid}",
        ": : :",
    ],
)
def test_a_file_that_holds_no_settings_is_refused_with_its_name(tmp_path: Path, text: str):
    file = tmp_path / "identity.yaml"
    file.write_text(text)

    with pytest.raises(BadSettings, match=r"identity\.yaml"):
        read(file)


def test_a_password_must_match_the_expression(cloud: Cloud, rules: Rules):
    rules(password_regex=r"^(?=.*\d).{7,}$", password_regex_description="7 characters, a digit")
    made = user(cloud, "strong", password="long-enough-1")

    refused = cloud.admin.post(f"{V3}/users", json={"user": {"name": "w", "password": "weak"}})
    again = cloud.admin.patch(f"{V3}/users/{made['id']}", json={"user": {"password": "weak"}})
    own = change(cloud, made, "long-enough-1", "weak")

    for answer in (refused, again, own):
        assert answer.status_code == 400
        assert "7 characters, a digit" in answer.json()["error"]["message"]


def test_a_former_password_is_refused_until_enough_others_were_used(
    cloud: Cloud, rules: Rules, clock: ManualClock
):
    rules(unique_last_password_count=2)
    made = user(cloud, "history", password="one")

    assert change(cloud, made, "one", "one").status_code == 400
    assert change(cloud, made, "one", "two").status_code == 204
    assert change(cloud, made, "two", "one").status_code == 400
    clock.advance(1)
    assert change(cloud, made, "two", "three").status_code == 204
    assert change(cloud, made, "three", "one").status_code == 204


def test_no_more_former_passwords_are_kept_than_the_rule_asks_for(cloud: Cloud, rules: Rules):
    rules(unique_last_password_count=2)
    made = user(cloud, "kept", password="0")

    for number in range(4):
        assert change(cloud, made, str(number), str(number + 1)).status_code == 204

    db = cloud.parts[Database]
    assert db.read(lambda tx: tx.count(OldPassword, user_id=made["id"])) == 1
    cloud.admin.delete(f"{V3}/users/{made['id']}")
    assert db.read(lambda tx: tx.count(OldPassword, user_id=made["id"])) == 0


def test_an_own_password_is_kept_for_its_least_age(cloud: Cloud, rules: Rules, clock: ManualClock):
    rules(minimum_password_age=2)
    made = user(cloud, "young", password="given")

    assert change(cloud, made, "given", "own").status_code == 204  # an administrator's may go
    assert change(cloud, made, "own", "next").status_code == 400
    clock.advance(2 * DAY)
    assert change(cloud, made, "own", "next").status_code == 204


def test_a_password_expires_and_can_then_only_be_changed(
    cloud: Cloud, rules: Rules, clock: ManualClock
):
    rules(password_expires_days=3)
    made = user(cloud, "mayfly")
    ends = (clock.now() + timedelta(days=3)).replace(microsecond=0)
    token = login(cloud, by_password("mayfly"), "unscoped").json()["token"]

    assert made["password_expires_at"] == f"{ends:%Y-%m-%dT%H:%M:%S}.000000Z"
    assert token["user"]["password_expires_at"] == made["password_expires_at"]
    clock.advance(3 * DAY + 1)
    answer = login(cloud, by_password("mayfly"), "unscoped")
    assert answer.status_code == 401
    assert "expired" in answer.json()["error"]["message"]
    assert "expired" not in login(cloud, by_password("mayfly", "wrong"), "unscoped").text
    assert change(cloud, made, "mayfly-secret", "newer").status_code == 204
    assert status(cloud, "mayfly", "newer") == 201


def test_who_is_spared_expiry_is_let_in(cloud: Cloud, rules: Rules, clock: ManualClock):
    rules(password_expires_days=1)
    user(cloud, "spared", options={"ignore_password_expiry": True})

    clock.advance(2 * DAY)

    assert status(cloud, "spared") == 201


def test_users_are_listed_by_when_their_passwords_expire(
    cloud: Cloud, rules: Rules, clock: ManualClock
):
    rules(password_expires_days=30)
    made = user(cloud, "listed")
    ends = made["password_expires_at"]
    soon = f"{clock.now() + timedelta(days=29):%Y-%m-%dT%H:%M:%SZ}"

    def names(value: str) -> list[str]:
        answer = cloud.admin.get(f"{V3}/users", params={"password_expires_at": value})
        assert answer.status_code == 200, answer.text
        return [one["name"] for one in answer.json()["users"]]

    assert "listed" in names(f"gt:{soon}")
    assert "listed" not in names(f"lt:{soon}")
    assert "listed" in names(f"eq:{ends}") and "listed" in names(ends)
    assert "listed" not in names(f"neq:{ends}")
    assert "listed" in names(f"gte:{ends}") and "listed" in names(f"lte:{ends}")
    for bad in ("soon", "near:2030-01-01T00:00:00Z", "lt:", "lt:x"):
        answer = cloud.admin.get(f"{V3}/users", params={"password_expires_at": bad})
        assert answer.status_code == 400, bad


def test_a_first_password_must_be_changed(cloud: Cloud, rules: Rules):
    rules(change_password_upon_first_use=True)
    made = user(cloud, "newcomer")
    user(cloud, "program", options={"ignore_change_password_upon_first_use": True})

    assert status(cloud, "newcomer") == 401
    assert status(cloud, "program") == 201
    assert change(cloud, made, "newcomer-secret", "mine").status_code == 204
    assert status(cloud, "newcomer", "mine") == 201
    cloud.admin.patch(f"{V3}/users/{made['id']}", json={"user": {"password": "reset"}})
    assert status(cloud, "newcomer", "reset") == 401


def test_a_locked_password_is_changed_by_administrators_alone(cloud: Cloud):
    made = user(cloud, "locked", options={"lock_password": True})

    assert change(cloud, made, "locked-secret", "other").status_code == 400
    path = f"{V3}/users/{made['id']}"
    assert cloud.admin.patch(path, json={"user": {"password": "other"}}).status_code == 200


def test_too_many_wrong_passwords_lock_a_user_out_for_a_while(
    cloud: Cloud, rules: Rules, clock: ManualClock
):
    rules(lockout_failure_attempts=2, lockout_duration=60)
    user(cloud, "guessed")
    for _ in range(2):
        assert status(cloud, "guessed", "wrong") == 401

    assert status(cloud, "guessed") == 401
    clock.advance(61)
    assert status(cloud, "guessed", "wrong") == 401  # the first of a new count
    assert status(cloud, "guessed") == 201


def test_a_right_password_starts_the_count_anew(cloud: Cloud, rules: Rules):
    rules(lockout_failure_attempts=2)
    user(cloud, "clumsy")

    for _ in range(3):
        assert status(cloud, "clumsy", "wrong") == 401
        assert status(cloud, "clumsy") == 201


def test_a_lock_without_an_end_is_opened_by_enabling_the_user(cloud: Cloud, rules: Rules):
    rules(lockout_failure_attempts=1, lockout_duration=None)
    made = user(cloud, "shut")
    user(cloud, "never-shut", options={"ignore_lockout_failure_attempts": True})
    for name in ("shut", "never-shut"):
        status(cloud, name, "wrong")
    assert (status(cloud, "shut"), status(cloud, "never-shut")) == (401, 201)

    cloud.admin.patch(f"{V3}/users/{made['id']}", json={"user": {"enabled": True}})

    assert status(cloud, "shut") == 201


def test_wrong_old_passwords_lock_a_user_out_too(cloud: Cloud, rules: Rules):
    rules(lockout_failure_attempts=1)
    made = user(cloud, "prodded")

    assert change(cloud, made, "wrong", "new").status_code == 401
    assert change(cloud, made, "prodded-secret", "new").status_code == 401
    assert status(cloud, "prodded") == 401


def test_a_user_who_is_locked_out_is_answered_as_one_who_is_not_there(cloud: Cloud, rules: Rules):
    # CVE-2021-38155: by another answer one could learn who there is.
    rules(lockout_failure_attempts=1)
    made = user(cloud, "silent")
    wrong = login(cloud, by_password("silent", "wrong"))

    locked = login(cloud, by_password("silent"))
    unknown = login(cloud, by_password("silent-nobody"))

    assert wrong.status_code == locked.status_code == unknown.status_code == 401
    assert wrong.content == locked.content == unknown.content
    assert made["id"] not in locked.text


def test_guesses_at_once_are_counted_each(cloud: Cloud, rules: Rules):
    rules(lockout_failure_attempts=6)
    user(cloud, "rushed")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: status(cloud, "rushed", "wrong"), range(6)))

    assert status(cloud, "rushed") == 401


def test_a_user_who_stays_away_is_disabled(cloud: Cloud, rules: Rules, clock: ManualClock):
    rules(disable_user_account_days_inactive=5)
    made = user(cloud, "sleeper")
    user(cloud, "waiting", options={"ignore_user_inactivity": True})
    clock.advance(4 * DAY)
    assert status(cloud, "sleeper") == 201  # awake again
    clock.advance(4 * DAY)
    assert status(cloud, "sleeper") == 201

    clock.advance(5 * DAY)

    assert status(cloud, "sleeper") == 401
    assert status(cloud, "waiting") == 201
    answer = cloud.token("admin", "admin-secret", "admin")
    assert answer.status_code == 401  # it slept, too
    rules()
    fresh = cloud.token("admin", "admin-secret", "admin").headers["X-Subject-Token"]
    cloud.admin.headers["X-Auth-Token"] = fresh
    cloud.admin.patch(f"{V3}/users/{made['id']}", json={"user": {"enabled": True}})
    rules(disable_user_account_days_inactive=5)
    assert status(cloud, "sleeper") == 201


@pytest.mark.parametrize(
    "options",
    [
        5,
        [],
        {"unheard-of": True},
        {"lock_password": "yes"},
        {"multi_factor_auth_rules": "password"},
        {"multi_factor_auth_rules": [[]]},
        {"multi_factor_auth_rules": [["password", "password"]]},
        {"multi_factor_auth_rules": [["password"], ["password"]]},
        {"multi_factor_auth_rules": [[5]]},
    ],
)
def test_an_option_that_cannot_be_is_refused(cloud: Cloud, rules: Rules, options: object):
    body = {"user": {"name": "odd", "options": options}}

    assert cloud.admin.post(f"{V3}/users", json=body).status_code == 400
    assert cloud.admin.get(f"{V3}/users", params={"name": "odd"}).json()["users"] == []


def test_options_are_set_one_by_one_and_taken_away_by_null(cloud: Cloud, rules: Rules):
    made = user(cloud, "choosy", options={"lock_password": True, "ignore_password_expiry": True})
    path = f"{V3}/users/{made['id']}"

    answer = cloud.admin.patch(path, json={"user": {"options": {"lock_password": None}}})
    assert answer.status_code == 200, answer.text

    shown = cloud.admin.get(path).json()["user"]
    assert shown["options"] == {"ignore_password_expiry": True}
