"""The keys that make tokens: rotated with nobody logged out, by several processes, in two forms."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from cryptography.fernet import Fernet

from pileus.config import Config
from pileus.core.db import Database
from pileus.identity import Tokens, rotate_token_keys
from pileus.identity.jws import Jws
from pileus.identity.keys import Keys
from pileus.identity.payload import METHODS, Federated, Payload, Scope, Ties
from pileus.identity.settings import TokenSettings

from ...cloud import Cloud
from .calls import V3, by_password, by_token, login, works

LATER = time.time() + 30 * 86400


@pytest.fixture
def other(cloud: Cloud) -> Iterator[Tokens]:
    """A second process on the same database and files."""
    config = cloud.parts[Config]
    db = Database(config.database_url)
    made = Tokens(db, config)
    yield made
    made.close()
    db.close()


def _token(cloud: Cloud) -> str:
    return login(cloud, by_password("demo"), "unscoped").headers["X-Subject-Token"]


def test_a_rotation_logs_nobody_out_and_later_tokens_have_the_next_key(cloud: Cloud, other: Tokens):
    before = _token(cloud)
    folder = cloud.config.shared / "fernet-keys"

    done = rotate_token_keys(cloud.config, time.time())

    after = _token(cloud)
    newest = Fernet((folder / str(done[0].number)).read_bytes())
    assert newest.decrypt(after + "=" * (-len(after) % 4))
    for token in (before, after):
        assert works(cloud, token)
        assert other.authenticate(token).user_name == "demo"


def test_the_next_key_is_known_before_anything_is_made_by_it(tmp_path: Path):
    config = Config(state=tmp_path)
    late = Keys(tmp_path / "fernet-keys")
    known = set(late.files.keys())
    waiting = (tmp_path / "fernet-keys/0").read_bytes()

    number = rotate_token_keys(config, time.time())[0].number

    assert 0 in known and number not in known
    assert (tmp_path / "fernet-keys" / str(number)).read_bytes() == waiting


def test_a_key_goes_when_no_token_can_need_it(tmp_path: Path):
    config = Config(state=tmp_path)
    keys = Keys(tmp_path / "fernet-keys")
    token = keys.seal(b"x")

    soon = rotate_token_keys(config, time.time())
    late = rotate_token_keys(config, LATER)

    assert soon[0].removed == ()
    assert late[0].removed == (1, 2)
    assert keys.open(token) is None


def test_a_damaged_key_stops_nobody_who_has_the_others(tmp_path: Path):
    keys = Keys(tmp_path)
    token = keys.seal(b"x")

    (tmp_path / "7").write_text("nonsense")

    assert keys.open(token) == b"x"
    assert keys.open(keys.seal(b"y")) == b"y"
    with pytest.raises(ValueError, match="7"):
        Keys(tmp_path)


@pytest.fixture
def signing(cloud: Cloud) -> Iterator[Cloud]:
    """The cloud, set to sign its tokens."""
    tokens = cloud.parts[Tokens]
    usual = tokens.settings
    jws = msgspec.structs.replace(usual, token=TokenSettings(provider="jws"))
    tokens.settings, tokens.jws, tokens._signs = jws, Jws(cloud.config.shared / "jws-keys"), True
    yield cloud
    tokens.settings, tokens._signs = usual, False


def test_a_signed_token_works_and_says_who_it_is_for(signing: Cloud):
    token = _token(signing)

    head, body, _ = token.split(".")
    claims = json.loads(urlsafe_b64decode(body + "=="))
    assert json.loads(urlsafe_b64decode(head + "=="))["alg"] == "ES256"
    assert claims["sub"] == signing.demo.user_id
    assert claims["openstack_methods"] == ["password"]
    assert works(signing, token)
    headers = {"X-Subject-Token": token}
    assert signing.admin.get(f"{V3}/auth/tokens", headers=headers).status_code == 200
    assert signing.admin.delete(f"{V3}/auth/tokens", headers=headers).status_code == 204
    assert not works(signing, token)


def test_tokens_of_both_forms_are_read_whatever_the_setting(cloud: Cloud):
    sealed = _token(cloud)
    tokens = cloud.parts[Tokens]
    tokens.jws, tokens._signs = Jws(cloud.config.shared / "jws-keys"), True
    try:
        signed = _token(cloud)
        assert works(cloud, sealed) and "." in signed
    finally:
        tokens._signs = False

    assert works(cloud, signed)
    assert login(cloud, by_token(signed), "unscoped").status_code == 201


def test_the_provider_comes_from_the_file_of_settings(tmp_path: Path):
    file = tmp_path / "identity.yaml"
    file.write_text("token: {provider: jws}\n")
    made = Cloud(tmp_path / "state", start=False, identity_file=file)
    try:
        assert made.demo.headers["X-Auth-Token"].count(".") == 2
        done = rotate_token_keys(made.config, time.time())
        again = made.client("demo", "demo-secret", "demo")
        assert [one.folder.name for one in done] == ["fernet-keys", "private"]
        for client in (made.demo, again):
            assert client.get(f"{V3}/auth/projects").status_code == 200
    finally:
        made.close()


@pytest.mark.parametrize("kind", ["unscoped", "project", "domain", "system"])
def test_a_signed_token_carries_all_that_a_sealed_one_does(tmp_path: Path, kind):
    scope = Scope(kind, "default" if kind in ("project", "domain") else "")
    ties = Ties("a", "b", "c", Federated("acme", "saml2", ("g",)), "t" * 43)
    payload = Payload(
        "user",
        METHODS,
        scope,
        1_800_000_000_123_456,
        1_800_000_043_000_001,
        ("x", "y"),
        2**52,
        ties,
    )

    keys = Jws(tmp_path)

    assert keys.open(keys.seal(payload)) == payload


def test_a_signed_token_of_another_clouds_public_key_is_read(tmp_path: Path):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    theirs = Jws(tmp_path / "theirs")
    key = theirs.files.keys()[1].public_key()
    (tmp_path / "ours/public").mkdir(parents=True)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "ours/public/theirs.pem").write_bytes(pem)
    payload = Payload("user", ("password",), Scope(), 1, 2, ("x",), 0)

    assert Jws(tmp_path / "ours").open(theirs.seal(payload)) == payload
    assert Jws(tmp_path / "third").open(theirs.seal(payload)) is None


def _forged(token: str) -> dict[str, str]:
    head, body, signature = token.split(".")

    def part(value: object) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = json.loads(urlsafe_b64decode(body + "=="))
    return {
        "no algorithm": f"{part({'alg': 'none'})}.{body}.",
        "an algorithm of shared keys": f"{part({'alg': 'HS256'})}.{body}.{signature}",
        "another user": f"{head}.{part(claims | {'sub': 'admin'})}.{signature}",
        "no signature": f"{head}.{body}.",
        "zeros": f"{head}.{body}.{'A' * 86}",
        "two parts": f"{head}.{body}",
        "four parts": f"{token}.{signature}",
        "no Base64": f"{head}.é.{signature}",
        "nothing": "..",
    }


@pytest.mark.parametrize(
    "how",
    [
        "no algorithm",
        "an algorithm of shared keys",
        "another user",
        "no signature",
        "zeros",
        "two parts",
        "four parts",
        "no Base64",
        "nothing",
    ],
)
def test_a_forged_token_is_refused(signing: Cloud, how: str):
    forged = _forged(_token(signing))[how]

    headers = {"X-Auth-Token": forged.encode()}
    answer = httpx.get(f"{signing.base}{V3}/auth/projects", headers=headers)

    assert answer.status_code == 401
