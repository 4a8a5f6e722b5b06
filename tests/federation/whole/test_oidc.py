"""OpenID Connect with a provider that is somebody else's work, and the real keystoneauth1."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ..openid import OpenId, running
from .canaille import PASSWORD, SECRET, USER, Canaille, oidc
from .regions import V3, Region, keystoneauth

BY_SUB = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "sub"}]}]
TEAM = {"group": {"name": "oidc", "domain": {"id": "default"}}}
DASHBOARD = "https://dashboard.example.com/auth/websso/"
WEBSSO = f"{V3}/auth/OS-FEDERATION/identity_providers/people/protocols/openid/websso"


def _rules(attribute: str) -> Any:
    return [{"local": [{"user": {"name": "{0}"}}, TEAM], "remote": [{"type": attribute}]}]


@pytest.fixture(scope="module")
def small() -> Iterator[OpenId]:
    """A provider of a few lines, for the grants that Canaille has not."""
    with running() as made:
        yield made


@pytest.fixture(scope="module")
def canaille(
    regions: tuple[Region, Region], small: OpenId, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Canaille]:
    region = regions[0]
    made = Canaille(tmp_path_factory.mktemp("canaille"), region.base + WEBSSO)
    group = region.make("group", "groups", name="oidc")
    region.grant(region.make("project", "projects", name="oidc"), group)
    region.provider("people", "openid", _rules("sub"))
    region.provider("robots", "openid", _rules("client_id"))
    region.provider("small", "openid", _rules("sub"))
    known = {"openid": oidc(made)}
    region.settings(
        trusted_dashboards=[DASHBOARD],
        identity_providers={
            "people": known,
            "robots": known,
            "small": {"openid": oidc(small)},
        },
    )
    yield made
    made.close()


def options(region: Region, idp: str, url: str, **more: Any) -> dict[str, Any]:
    scope = {"project_name": "oidc", "project_domain_id": "default"}
    known = {"auth_url": f"{region.base}{V3}", "identity_provider": idp, "protocol": "openid"}
    client = {"client_id": "pileus", "client_secret": SECRET, "discovery_endpoint": url}
    return scope | known | client | more


def test_a_password_at_the_provider(regions: Any, canaille: Canaille) -> None:
    given = options(regions[0], "people", canaille.discovery(), username=USER, password=PASSWORD)

    found = keystoneauth(plugin="v3oidcpassword", options=given)

    assert (found["user"], found["project"], found["roles"]) == (USER, "oidc", ["member", "reader"])


def test_a_client_by_itself(regions: Any, canaille: Canaille) -> None:
    given = options(regions[0], "robots", canaille.discovery())

    found = keystoneauth(plugin="v3oidcclientcredentials", options=given)

    assert (found["user"], found["project"]) == ("pileus", "oidc")


def test_an_access_token_that_one_has(regions: Any, canaille: Canaille) -> None:
    form = {"grant_type": "password", "username": USER, "password": PASSWORD, "scope": "openid"}
    url = f"{canaille.issuer}/oauth/token"
    token = httpx.post(url, data=form, auth=("pileus", SECRET)).json()["access_token"]
    given = options(regions[0], "people", "")
    given = {k: v for k, v in given.items() if not k.startswith(("client", "discovery"))}

    found = keystoneauth(plugin="v3oidcaccesstoken", options=given | {"access_token": token})

    assert found["user"] == USER


def test_a_code_that_one_has(regions: Any, canaille: Canaille) -> None:
    back = regions[0].base + WEBSSO
    query = {
        "response_type": "code",
        "client_id": "pileus",
        "scope": "openid profile",
        "nonce": "n",
    }
    asked = httpx.URL(f"{canaille.issuer}/oauth/authorize", params=query | {"redirect_uri": back})
    code = httpx.URL(canaille.log_in(str(asked))).params["code"]
    given = options(regions[0], "people", canaille.discovery(), redirect_uri=back, code=code)

    found = keystoneauth(plugin="v3oidcauthcode", options=given)

    assert found["user"] == USER


def test_a_browser_logs_in_for_a_dashboard(regions: Any, canaille: Canaille) -> None:
    region = regions[0]
    with httpx.Client(base_url=region.base, timeout=60) as browser:
        sent = browser.get(WEBSSO, params={"origin": DASHBOARD})
        assert sent.status_code == 302, sent.text

        answer = browser.get(canaille.log_in(sent.headers["Location"]))

    assert answer.status_code == 200, answer.text
    found = re.search(r'name="token" value="([^"]+)"', answer.text)
    assert found is not None
    head = {"X-Auth-Token": found[1]}
    shown = httpx.get(f"{region.base}{V3}/OS-FEDERATION/projects", headers=head).json()
    assert [one["name"] for one in shown["projects"]] == ["oidc"]


def test_a_device_without_a_keyboard(regions: Any, canaille: Canaille, small: OpenId) -> None:
    status, known = small.answer("/.well-known/openid-configuration", {}, {})
    grants = ["urn:ietf:params:oauth:grant-type:device_code"]
    more = {"device_authorization_endpoint": f"{small.issuer}/device"}
    found = known | more | {"grant_types_supported": grants}
    small.answers["/.well-known/openid-configuration"] = (status, found)
    code = {"device_code": "d", "user_code": "u", "verification_uri": "http://127.0.0.1/"}
    small.answers["/device"] = (200, code | {"expires_in": 60, "interval": 1})
    token = {"access_token": small.token(sub="tv"), "token_type": "Bearer"}
    small.answers["/token"] = (200, token)
    url = f"{small.issuer}/.well-known/openid-configuration"

    made = keystoneauth(plugin="v3oidcdeviceauthz", options=options(regions[0], "small", url))

    assert made["user"] == "tv"
