"""WebSSO: the browser's way to the identity provider and back, with the token for a dashboard."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from ..cloud import Cloud
from .calls import DASHBOARD, V3, ask, oidc, provider, settings
from .openid import OpenId

AT = f"{V3}/auth/OS-FEDERATION"
START = f"{AT}/identity_providers/web/protocols/openid/websso"


@pytest.fixture(scope="module", autouse=True)
def idp(cloud: Cloud) -> None:
    provider(cloud, "web")


@pytest.fixture
def browser(cloud: Cloud, openid: OpenId) -> Iterator[httpx.Client]:
    settings(cloud, {"web": {"openid": oidc(openid.issuer, client_secret="s")}})
    with httpx.Client(base_url=cloud.base, timeout=60) as made:
        yield made


def begin(browser: httpx.Client, path: str = START) -> dict[str, str]:
    """Go to the identity provider; what it is asked for."""
    answer = browser.get(path, params={"origin": DASHBOARD})
    assert answer.status_code == 302, answer.text
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def back(browser: httpx.Client, openid: OpenId, asked: dict[str, str], **claims: Any) -> Any:
    """Log in there and come back."""
    openid.codes["code-1"] = {"nonce": asked["nonce"], "sub": "wilma"} | claims
    return browser.get(START, params={"code": "code-1", "state": asked["state"]})


@pytest.mark.parametrize("path", [START, f"{AT}/websso/openid"])
def test_a_token_reaches_the_dashboard(
    cloud: Cloud, openid: OpenId, browser: httpx.Client, path: str
) -> None:
    asked = begin(browser, path)
    answer = back(browser, openid, asked)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'action="{DASHBOARD}"' in answer.text
    found = re.search(r'name="token" value="([^"]+)"', answer.text)
    assert found is not None
    assert ask(cloud, found[1], f"{V3}/auth/projects").status_code == 200
    sent = [form for where, form, _ in openid.asked if where == "/token"][-1]
    assert sent["redirect_uri"] == asked["redirect_uri"] == cloud.base + START
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(sent["code_verifier"]) >= 43


def test_the_cookie_is_for_this_browser_alone(browser: httpx.Client) -> None:
    answer = browser.get(START, params={"origin": DASHBOARD})

    kept = answer.headers["Set-Cookie"]
    assert "HttpOnly" in kept
    assert "SameSite=Lax" in kept
    assert "dashboard" not in kept


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"origin": "https://evil.example.com/"}, 401),
        ({"origin": DASHBOARD + "x"}, 401),
        ({"origin": "http://[bad"}, 401),
    ],
    ids=str,
)
def test_only_trusted_dashboards_are_served(browser: httpx.Client, query: Any, status: int) -> None:
    assert browser.get(START, params=query).status_code == status


def test_another_browser_cannot_come_back(
    cloud: Cloud, openid: OpenId, browser: httpx.Client
) -> None:
    asked = begin(browser)

    with httpx.Client(base_url=cloud.base, timeout=60) as other:
        assert back(other, openid, asked).status_code == 401


@pytest.mark.parametrize(
    "bent",
    [{"state": "another"}, {"code": ""}, {"error": "access_denied", "code": ""}, {"iss": "x"}],
    ids=str,
)
def test_an_answer_that_does_not_fit_is_refused(
    openid: OpenId, browser: httpx.Client, bent: dict[str, str]
) -> None:
    asked = begin(browser)
    openid.codes["code-1"] = {"nonce": asked["nonce"]}

    query = {"code": "code-1", "state": asked["state"]} | bent

    assert browser.get(START, params=query).status_code == 401


@pytest.mark.parametrize(
    "claims", [{"nonce": "other"}, {"nonce": None}, {"aud": "x"}, {"azp": "x"}], ids=str
)
def test_an_identity_that_is_not_of_this_login_is_refused(
    openid: OpenId, browser: httpx.Client, claims: Any
) -> None:
    asked = begin(browser)

    assert back(browser, openid, asked, **claims).status_code == 401


def test_a_code_serves_once(openid: OpenId, browser: httpx.Client) -> None:
    asked = begin(browser)
    assert back(browser, openid, asked).status_code == 200

    query = {"code": "code-1", "state": asked["state"]}

    assert browser.get(START, params=query).status_code == 401


def test_without_a_name_there_must_be_one_provider_that_can_be_meant(
    cloud: Cloud, openid: OpenId, browser: httpx.Client
) -> None:
    provider(cloud, "web2")
    known = {"openid": oidc(openid.issuer)}
    settings(cloud, {"web": known, "web2": known})
    query = {"origin": DASHBOARD}

    assert browser.get(f"{AT}/websso/openid", params=query).status_code == 400
    assert browser.get(f"{AT}/websso/saml2", params=query).status_code == 401
