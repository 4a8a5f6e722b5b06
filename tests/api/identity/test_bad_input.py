"""What the identity API refuses, and that it does so in its own words and changes nothing."""

from typing import Any

import httpx
import pytest

from pileus.identity import Tokens

from ...cloud import Cloud

V3 = "/identity/v3"
LONG = "x" * 300
JSON = {"Content-Type": "application/json"}


def _refused(answer: httpx.Response, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == status
    assert error["title"]
    assert error["message"]


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[]", b"null", b'{"project": 5}', b'{"projects": {}}']
)
def test_a_body_that_cannot_be_read_is_400(cloud: Cloud, body: bytes) -> None:
    _refused(cloud.admin.post(f"{V3}/projects", content=body, headers=JSON))


@pytest.mark.parametrize(
    ("path", "one", "more"),
    [
        ("domains", "domain", {}),
        ("projects", "project", {}),
        ("users", "user", {}),
        ("groups", "group", {}),
        ("roles", "role", {}),
    ],
)
@pytest.mark.parametrize("name", [LONG, "", None, 5, ["a"], {"a": "b"}, "a\u0000b"])
def test_a_name_that_cannot_be_is_400_and_makes_nothing(
    cloud: Cloud, path: str, one: str, more: dict[str, Any], name: Any
) -> None:
    before = len(cloud.admin.get(f"{V3}/{path}").json()[path])

    _refused(cloud.admin.post(f"{V3}/{path}", json={one: more | {"name": name}}))

    assert len(cloud.admin.get(f"{V3}/{path}").json()[path]) == before


@pytest.mark.parametrize(
    "more",
    [
        {"enabled": "perhaps"},
        {"domain_id": "no-such-domain"},
        {"parent_id": "no-such-project"},
        {"tags": ["a,b"]},
        {"tags": "a"},
        {"description": 5},
    ],
)
def test_a_project_that_cannot_be_is_400(cloud: Cloud, more: dict[str, Any]) -> None:
    _refused(cloud.admin.post(f"{V3}/projects", json={"project": {"name": "bad"} | more}))


def test_a_name_that_is_taken_is_409(cloud: Cloud) -> None:
    _refused(cloud.admin.post(f"{V3}/projects", json={"project": {"name": "demo"}}), 409)
    _refused(cloud.admin.post(f"{V3}/users", json={"user": {"name": "demo"}}), 409)


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {},
        {"identity": {}},
        {"identity": {"methods": []}},
        {"identity": {"methods": "password"}},
        {"identity": {"methods": ["password"]}},
        {"identity": {"methods": ["password"], "password": {"user": {"password": "x"}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "demo"}}}},
        {"identity": {"methods": ["token"], "token": {"id": 5}}},
    ],
)
def test_a_login_that_cannot_be_read_is_400(cloud: Cloud, auth: Any) -> None:
    _refused(httpx.post(f"{cloud.base}{V3}/auth/tokens", json={"auth": auth}, timeout=60))


@pytest.mark.parametrize("token", ["x", "gAAAAA", "x" * 5000, "\u00e9".encode(), b"\xff\xfe"])
def test_a_token_that_is_none_is_401(cloud: Cloud, token: Any) -> None:
    answer = httpx.get(f"{cloud.base}{V3}/auth/projects", headers={b"X-Auth-Token": token})

    _refused(answer, 401)
    assert "WWW-Authenticate" in answer.headers


def test_an_altered_token_is_401(cloud: Cloud) -> None:
    token = cloud.token("demo", "demo-secret", "demo").headers["X-Subject-Token"]
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    altered = token[:middle] + other + token[middle + 1 :]

    answer = httpx.get(f"{cloud.base}{V3}/auth/projects", headers={"X-Auth-Token": altered})

    _refused(answer, 401)


def test_an_expired_token_is_401_at_every_service(cloud: Cloud) -> None:
    tokens = cloud.parts[Tokens]
    usual, tokens.life = tokens.life, 0.2
    try:
        token = cloud.token("demo", "demo-secret", "demo").headers["X-Subject-Token"]
    finally:
        tokens.life = usual
    headers = {"X-Auth-Token": token}

    def ask(path: str) -> int:
        return httpx.get(cloud.base + path, headers=headers, timeout=60).status_code

    cloud.until(lambda: ask(f"{V3}/auth/projects") == 401, "the token to expire")
    for path in ("/compute/v2.1/servers", "/image/v2/images", "/network/v2.0/networks"):
        assert ask(path) == 401
    again = {"methods": ["token"], "token": {"id": token}}
    login = httpx.post(f"{cloud.base}{V3}/auth/tokens", json={"auth": {"identity": again}})
    _refused(login, 404)  # as upstream has it


def test_a_revoked_token_is_401_at_every_service(cloud: Cloud) -> None:
    token = cloud.token("demo", "demo-secret", "demo").headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token}
    assert httpx.get(f"{cloud.base}/compute/v2.1/servers", headers=headers).status_code == 200

    gone = httpx.delete(
        f"{cloud.base}{V3}/auth/tokens", headers=headers | {"X-Subject-Token": token}
    )

    assert gone.status_code == 204
    for path in (f"{V3}/auth/projects", "/compute/v2.1/servers", "/network/v2.0/networks"):
        assert httpx.get(cloud.base + path, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "secret", ["hunter2-canary" * 400, {"hunter2-canary": 1}, ["hunter2-canary"]]
)
def test_a_refusal_does_not_repeat_a_password(cloud: Cloud, secret: Any) -> None:
    user = {"name": "demo", "domain": {"id": "default"}, "password": secret}
    identity = {"methods": ["password"], "password": {"user": user}}

    answers = [
        httpx.post(f"{cloud.base}{V3}/auth/tokens", json={"auth": {"identity": identity}}),
        cloud.admin.post(f"{V3}/users", json={"user": {"name": "canary", "password": secret}}),
        cloud.demo.post(
            f"{V3}/users/{cloud.demo.user_id}/application_credentials",
            json={"application_credential": {"name": "canary", "secret": secret}},
        ),
    ]

    for answer in answers:
        _refused(answer)
        assert "hunter2" not in answer.text
