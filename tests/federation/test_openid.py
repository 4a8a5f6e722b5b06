"""OpenID Connect: which access tokens are believed, and why others are not."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..cloud import Cloud
from .calls import FED, USER, V3, log_in, oidc, provider, settings
from .openid import OpenId, running

STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module", autouse=True)
def idp(cloud: Cloud) -> None:
    provider(cloud, "idp")


@pytest.fixture
def use(cloud: Cloud, openid: OpenId) -> Any:
    """Sets the provider's settings; its answers are its own again afterwards."""

    def make(**more: Any) -> None:
        settings(cloud, {"idp": {"openid": oidc(openid.issuer, **more)}})

    make()
    yield make
    openid.answers.clear()
    openid.opaque.clear()


def test_a_signed_token_is_enough(cloud: Cloud, openid: OpenId, use: Any) -> None:
    openid.asked.clear()

    assert log_in(cloud, "idp", openid.token()).status_code == 201
    assert log_in(cloud, "idp", openid.token()).status_code == 201

    assert len([path for path, _, _ in openid.asked if path == "/keys"]) <= 1


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": "somebody else"},
        {"aud": None},
        {"aud": ["a", "b"]},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 3600},
    ],
    ids=str,
)
def test_only_claims_that_fit_are_taken(
    cloud: Cloud, openid: OpenId, use: Any, claims: Any
) -> None:
    body = {"iss": openid.issuer, "aud": "pileus", "sub": "a", "exp": int(time.time()) + 300}
    said = {k: v for k, v in (body | claims).items() if v is not None}
    pem = openid.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    token = jwt.api_jws.encode(json.dumps(said).encode(), pem, "RS256", {"kid": "k1"})

    assert log_in(cloud, "idp", token).status_code == (401 if claims else 201)


def test_audiences_are_those_of_the_settings(cloud: Cloud, openid: OpenId, use: Any) -> None:
    use(audiences=["cloud"])

    assert log_in(cloud, "idp", openid.token(aud=["x", "cloud"])).status_code == 201
    assert log_in(cloud, "idp", openid.token()).status_code == 401


def _unsigned(openid: OpenId) -> str:
    return jwt.encode({"iss": openid.issuer, "aud": "pileus", "sub": "x"}, None, "none")


def _by_the_public_key(openid: OpenId) -> str:
    """Signed by HMAC with the public key as the secret."""
    public = openid.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    head = part(json.dumps({"alg": "HS256", "kid": "k1", "typ": "JWT"}).encode())
    end = int(time.time()) + 300
    said = {"iss": openid.issuer, "aud": "pileus", "sub": "x", "exp": end}
    text = head + b"." + part(json.dumps(said).encode())
    mac = hmac.new(public, text, hashlib.sha256).digest()
    return (text + b"." + part(mac)).decode()


@pytest.mark.parametrize(
    "forge",
    [
        _unsigned,
        _by_the_public_key,
        lambda openid: openid.token(STRANGER),
        lambda openid: openid.token()[:-8] + "AAAAAAAA",
        lambda openid: "a.b.c",
        lambda openid: "..",
        lambda openid: "x" * 20_000,
    ],
)
def test_a_forged_token_is_refused(cloud: Cloud, openid: OpenId, use: Any, forge: Any) -> None:
    assert log_in(cloud, "idp", forge(openid)).status_code == 401


def test_forged_tokens_do_not_make_it_ask_for_keys_again_and_again(cloud: Cloud, use: Any) -> None:
    with running() as other:
        settings(cloud, {"idp": {"openid": oidc(other.issuer)}})
        other.answers["/keys"] = (200, {"keys": []})
        assert log_in(cloud, "idp", other.token()).status_code == 401
        other.answers.clear()

        assert log_in(cloud, "idp", other.token()).status_code == 401
        assert len([path for path, _, _ in other.asked if path == "/keys"]) == 1


def test_an_opaque_token_is_asked_about(cloud: Cloud, openid: OpenId, use: Any) -> None:
    use(client_secret="s3cret")
    openid.opaque["opaque-1"] = {"sub": "olga", "client_id": "pileus"}
    openid.opaque["opaque-2"] = {"sub": "olga", "client_id": "another"}

    answer = log_in(cloud, "idp", "opaque-1")

    assert answer.json()["token"]["user"]["name"] == "olga"
    assert log_in(cloud, "idp", "opaque-2").status_code == 401
    assert log_in(cloud, "idp", "opaque-3").status_code == 401
    asked = [head for path, _, head in openid.asked if path == "/introspect"]
    assert asked[-1]["Authorization"] == "Basic cGlsZXVzOnMzY3JldA=="


def test_an_opaque_token_that_has_ended_is_refused(cloud: Cloud, openid: OpenId, use: Any) -> None:
    use(client_secret="s3cret")
    openid.opaque["old"] = {"sub": "olga", "client_id": "pileus", "exp": 1}

    assert log_in(cloud, "idp", "old").status_code == 401


def test_the_userinfo_endpoint_tells_of_an_opaque_token(
    cloud: Cloud, openid: OpenId, use: Any
) -> None:
    use(check="userinfo")
    openid.opaque["info-1"] = {"sub": "ulf"}

    assert log_in(cloud, "idp", "info-1").json()["token"]["user"]["name"] == "ulf"
    assert log_in(cloud, "idp", "info-2").status_code == 401


def test_claims_have_the_names_that_apache_gives_them(
    cloud: Cloud, openid: OpenId, use: Any
) -> None:
    names = ("HTTP_OIDC_SUB", "OIDC-preferred_username", "OIDC_CLAIM_email", "HTTP_OIDC_ISS")
    local = {"user": {"id": "{0}", "name": "{1}", "email": "{2}"}}
    remote = [{"type": name} for name in names]
    path = f"{FED}/mappings/idp"
    body = {"mapping": {"rules": [{"local": [local], "remote": remote}]}}
    assert cloud.admin.patch(path, json=body).status_code == 200
    token = openid.token(sub="77", preferred_username="nils", email="n@example.com")

    user = log_in(cloud, "idp", token).json()["token"]["user"]

    assert user["name"] == "nils"
    shown = cloud.admin.get(f"{V3}/users/{user['id']}").json()["user"]
    assert shown["email"] == "n@example.com"
    plain = {"rules": [{"local": [USER], "remote": [{"type": "sub"}]}]}
    cloud.admin.patch(path, json={"mapping": plain})


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (200, {"issuer": "https://evil.example.com"})),
        ("/.well-known/openid-configuration", (302, {})),
        ("/.well-known/openid-configuration", (200, b"x" * (2 << 20))),
        ("/.well-known/openid-configuration", (200, b"no json")),
        ("/.well-known/openid-configuration", (500, {})),
        ("/keys", (500, {})),
        ("/keys", (200, [1])),
    ],
    ids=lambda v: str(v)[:60],
)
def test_a_provider_in_trouble_is_told(cloud: Cloud, use: Any, path: str, answer: Any) -> None:
    with running() as other:
        settings(cloud, {"idp": {"openid": oidc(other.issuer)}})
        other.answers[path] = answer

        refused = log_in(cloud, "idp", other.token())

        assert refused.status_code == 503, refused.text
        assert (
            "identity provider" in refused.json()["error"]["message"]
            or other.issuer in (refused.json()["error"]["message"])
        )
        assert not [path for path, _, _ in other.asked if path == "/elsewhere"]


def test_a_provider_that_is_away_is_told(cloud: Cloud, use: Any) -> None:
    settings(cloud, {"idp": {"openid": oidc("http://127.0.0.1:9")}})

    assert log_in(cloud, "idp", "a.b.c").status_code == 401
    assert log_in(cloud, "idp", "opaque").status_code == 503


def test_damaged_settings_are_told(cloud: Cloud, use: Any) -> None:
    (cloud.config.state / "federation.yaml").write_text("identity_providers: [")

    assert log_in(cloud, "idp", "x").status_code == 503


def test_without_settings_nobody_comes_in(cloud: Cloud, openid: OpenId, use: Any) -> None:
    settings(cloud, {})

    answer = log_in(cloud, "idp", openid.token())

    assert answer.status_code == 401
    assert "settings" in answer.json()["error"]["message"]
    assert "WWW-Authenticate" in answer.headers
