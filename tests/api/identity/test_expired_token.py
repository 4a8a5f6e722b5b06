"""Tokens that expired: of no use, but for services that finish work under them."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from pileus.core.clock import ManualClock
from pileus.core.db import Database
from pileus.identity import Tokens
from pileus.identity.revision import prune
from pileus.identity.settings import TokenSettings

from ...cloud import Client, Cloud
from .calls import V3, by_password, by_token, login, on

HOUR = 3600.0


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, clock: ManualClock) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp("cloud"), start=False, clock=clock)
    yield made
    made.close()


def _admin(cloud: Cloud) -> Client:
    return cloud.client("admin", "admin-secret", "admin")


def _token(cloud: Cloud) -> str:
    return cloud.client("demo", "demo-secret", "demo").headers["X-Auth-Token"]


def _ask(cloud: Cloud, token: str, service: str = "") -> int:
    headers = {"X-Auth-Token": token} | ({"X-Service-Token": service} if service else {})
    return httpx.get(f"{cloud.base}/network/v2.0/networks", headers=headers).status_code


@pytest.fixture(scope="module")
def service_user(cloud: Cloud) -> dict[str, Any]:
    """A user with the role service, which may not do more."""
    cloud.admin.headers["X-Auth-Token"] = _admin(cloud).headers["X-Auth-Token"]
    cloud.new_member("glance", "service")
    return by_password("glance")


def _service(cloud: Cloud, identity: dict[str, Any]) -> str:
    return login(
        cloud, identity, {"project": {"name": "glance", "domain": {"id": "default"}}}
    ).headers["X-Subject-Token"]


def test_an_expired_token_is_shown_to_who_says_that_it_may_be(cloud: Cloud, clock: ManualClock):
    token = _token(cloud)
    clock.advance(13 * HOUR)
    headers = {"X-Subject-Token": token}
    admin = _admin(cloud)

    plain = admin.get(f"{V3}/auth/tokens", headers=headers)
    late = admin.get(f"{V3}/auth/tokens?allow_expired=1", headers=headers)
    head = admin.head(f"{V3}/auth/tokens?allow_expired=1", headers=headers)

    assert (plain.status_code, late.status_code, head.status_code) == (404, 200, 200)


def test_after_the_window_it_is_nobodys(cloud: Cloud, clock: ManualClock):
    token = _token(cloud)
    clock.advance(12 * HOUR + 49 * HOUR)

    answer = _admin(cloud).get(
        f"{V3}/auth/tokens?allow_expired=1", headers={"X-Subject-Token": token}
    )

    assert answer.status_code == 404


def test_a_revoked_token_does_not_come_back_when_it_has_expired(cloud: Cloud, clock: ManualClock):
    token = _token(cloud)
    headers = {"X-Subject-Token": token}
    assert _admin(cloud).delete(f"{V3}/auth/tokens", headers=headers).status_code == 204
    clock.advance(30 * HOUR)

    cloud.parts[Database].run(prune)

    answer = _admin(cloud).get(f"{V3}/auth/tokens?allow_expired=1", headers=headers)
    assert answer.status_code == 404


def test_a_service_goes_on_under_an_expired_token(
    cloud: Cloud, clock: ManualClock, service_user: dict[str, Any]
):
    token = _token(cloud)
    clock.advance(13 * HOUR)
    service = _service(cloud, service_user)

    assert _ask(cloud, token) == 401
    assert _ask(cloud, token, service) == 200
    assert _ask(cloud, token, _token(cloud)) == 401  # no service
    assert _ask(cloud, token, "nonsense") == 401
    clock.advance(48 * HOUR)
    assert _ask(cloud, token, _service(cloud, service_user)) == 401


def test_a_service_token_that_expired_itself_is_none(
    cloud: Cloud, clock: ManualClock, service_user: dict[str, Any]
):
    token, service = _token(cloud), _service(cloud, service_user)

    clock.advance(13 * HOUR)

    assert _ask(cloud, token, service) == 401


def test_an_expired_token_makes_no_other(cloud: Cloud, clock: ManualClock):
    token = _token(cloud)

    clock.advance(13 * HOUR)

    assert login(cloud, by_token(token), "unscoped").status_code == 404


def test_a_token_with_a_scope_may_be_kept_from_making_others(cloud: Cloud):
    tokens = cloud.parts[Tokens]
    usual = tokens.settings
    demo = cloud.client("demo", "demo-secret", "demo")
    unscoped = login(cloud, by_password("demo"), "unscoped").headers["X-Subject-Token"]
    wanted = TokenSettings(allow_rescope_scoped_token=False)
    tokens.settings = msgspec.structs.replace(usual, token=wanted)
    try:
        scoped = login(cloud, by_token(demo.headers["X-Auth-Token"]), on(demo.project_id))
        free = login(cloud, by_token(unscoped), on(demo.project_id))
    finally:
        tokens.settings = usual

    assert (scoped.status_code, free.status_code) == (403, 201)
