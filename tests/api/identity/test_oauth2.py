"""OAuth 2.0's client credentials: POST /v3/OS-OAUTH2/token, and bearer tokens in every service."""

import base64
from typing import Any

import httpx
import pytest

from ...cloud import Cloud
from .calls import V3, made

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def client(cloud: Cloud) -> dict[str, Any]:
    body = {"application_credential": {"name": "oauth2", "secret": "its-secret"}}
    path = f"{V3}/users/{cloud.demo.user_id}/application_credentials"
    return made(cloud.demo.post(path, json=body), "application_credential")


def ask(cloud: Cloud, form: Any = GRANT, auth: tuple[str, str] | None = None) -> httpx.Response:
    basic = httpx.BasicAuth(*auth) if auth else None
    return httpx.post(f"{cloud.base}{V3}/OS-OAUTH2/token", data=form, auth=basic, timeout=60)


def test_an_application_credential_gives_a_bearer_token(cloud: Cloud, client: dict[str, Any]):
    answer = ask(cloud, auth=(client["id"], "its-secret"))

    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert 43190 <= body["expires_in"] <= 43200
    assert set(body) == {"access_token", "token_type", "expires_in"}


def test_a_client_may_prove_itself_in_the_form(cloud: Cloud, client: dict[str, Any]):
    form = GRANT | {"client_id": client["id"], "client_secret": "its-secret"}

    assert ask(cloud, form).status_code == 200


def test_every_service_takes_the_bearer_token(cloud: Cloud, client: dict[str, Any]):
    token = ask(cloud, auth=(client["id"], "its-secret")).json()["access_token"]
    paths = (f"{V3}/auth/projects", "/image/v2/images", "/compute/v2.1/servers")

    for path in paths:
        answers = [
            httpx.get(f"{cloud.base}{path}", headers={"Authorization": f"{kind} {given}"})
            for kind, given in (
                ("Bearer", token),
                ("bearer", token),
                ("Bearer", "x"),
                ("Other", token),
            )
        ]
        assert [a.status_code for a in answers] == [200, 200, 401, 401], path


def test_the_token_is_bound_to_its_credential(cloud: Cloud, client: dict[str, Any]):
    token = ask(cloud, auth=(client["id"], "its-secret")).json()["access_token"]

    headers = {"X-Subject-Token": token}
    shown = cloud.admin.get(f"{V3}/auth/tokens", headers=headers).json()["token"]

    assert shown["application_credential"]["id"] == client["id"]
    assert shown["methods"] == ["application_credential"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
    ],
)
def test_another_grant_is_refused(
    cloud: Cloud, client: dict[str, Any], form: dict[str, str], error: str
):
    answer = ask(cloud, form, auth=(client["id"], "its-secret"))

    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


@pytest.mark.parametrize(
    "auth",
    [None, ("", ""), ("x" * 99, "s"), ("nobody", "s"), ("ID", "wrong"), ("ID", ""), ("a\0b", "s")],
)
def test_a_client_that_is_none_is_refused(
    cloud: Cloud, client: dict[str, Any], auth: tuple[str, str] | None
):
    given = auth and (auth[0].replace("ID", client["id"]), auth[1])

    answer = ask(cloud, auth=given)

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


@pytest.mark.parametrize("given", ["%%%", base64.b64encode(b"no-colon").decode(), "é", "/w=="])
def test_a_malformed_header_is_refused(cloud: Cloud, given: str):
    headers = {"Authorization": f"Basic {given}".encode()}

    answer = httpx.post(f"{cloud.base}{V3}/OS-OAUTH2/token", data=GRANT, headers=headers)

    assert answer.status_code == 401


@pytest.mark.parametrize("form", ["a=%ff", "grant_type=x&grant_type=y", "a&" * 200, "é=1"])
def test_a_malformed_form_is_400(cloud: Cloud, form: str):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = httpx.post(f"{cloud.base}{V3}/OS-OAUTH2/token", content=form.encode(), headers=headers)

    assert answer.status_code == 400


def test_json_is_not_a_form(cloud: Cloud):
    assert httpx.post(f"{cloud.base}{V3}/OS-OAUTH2/token", json=GRANT).status_code == 415
