"""No secret in a log, in a refusal or, as it is, in the database."""

import logging
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from ..cloud import Cloud
from .population import COMPUTE

V3 = "/identity/v3"


class _Everything(logging.Handler):
    """Keeps every line that is logged, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(message)s"))
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):  # the test's own client
            self.text.append(self.format(record))


@pytest.fixture
def told() -> Iterator[list[str]]:
    """All that is logged meanwhile, at every level."""
    handler, root = _Everything(), logging.getLogger()
    level, config = root.level, structlog.get_config()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)

    def keep(_logger: Any, _name: str, event: Any) -> Any:
        handler.text.append(repr(event))
        raise structlog.DropEvent

    structlog.configure(
        processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG)
    )
    yield handler.text
    structlog.configure(**config)
    root.removeHandler(handler)
    root.setLevel(level)


class _Life:
    """Everything that can be done with secrets, rightly and wrongly; every secret is a canary."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.canaries, self.refusals = cloud, dict[str, str](), list[str]()

    def canary(self, what: str) -> str:
        self.canaries[what] = f"canary-{what}-{secrets.token_hex(8)}"
        return self.canaries[what]

    def note(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= 400:
            self.refusals.append(answer.text)
        return answer

    def run(self) -> None:
        self.people()
        self.credentials()
        self.servers()
        self.cloud.settle()

    def login(self, name: str, password: Any, **more: Any) -> httpx.Response:
        user = {"name": name, "domain": {"id": "default"}, "password": password} | more
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
        url = f"{self.cloud.base}{V3}/auth/tokens"
        return self.note(httpx.post(url, json={"auth": auth}, timeout=60))

    def people(self) -> None:
        admin, first = self.cloud.admin, self.canary("password")
        body = {"user": {"name": "canary", "password": first}}
        user = admin.post(f"{V3}/users", json=body).json()["user"]
        self.note(admin.post(f"{V3}/users", json=body))
        answer = self.login("canary", first)
        self.canaries["token"] = answer.headers["X-Subject-Token"]
        self.login("canary", self.canary("wrong-password"))
        self.login("canary", [self.canary("listed-password")])
        self.login("canary", first, unknown={"a": self.canary("unknown")})
        second = self.canary("second-password")
        change = {"password": second, "original_password": first}
        path = f"{self.cloud.base}{V3}/users/{user['id']}/password"
        assert httpx.post(path, json={"user": change}).status_code == 204
        self.note(httpx.post(path, json={"user": change}))
        third = self.canary("third-password")
        path = f"{V3}/users/{user['id']}"
        assert admin.patch(path, json={"user": {"password": third}}).status_code == 200
        self.note(admin.patch(path, json={"user": {"password": {"x": third}}}))
        forged = self.canary("forged-token")
        url = f"{self.cloud.base}{V3}/auth/projects"
        self.note(httpx.get(url, headers={"X-Auth-Token": forged}))
        asked = {"X-Subject-Token": self.canary("subject-token")}
        self.note(self.cloud.admin.get(f"{V3}/auth/tokens", headers=asked))

    def credentials(self) -> None:
        demo, secret = self.cloud.demo, self.canary("credential")
        path = f"{V3}/users/{demo.user_id}/application_credentials"
        body = {"application_credential": {"name": "canary", "secret": secret}}
        made = demo.post(path, json=body).json()["application_credential"]
        self.note(demo.post(path, json=body))
        made_up = demo.post(path, json={"application_credential": {"name": "made"}}).json()
        self.canaries["made-credential"] = made_up["application_credential"]["secret"]
        for given in (secret, self.canary("wrong-credential")):
            proof = {"id": made["id"], "secret": given}
            identity = {"methods": ["application_credential"], "application_credential": proof}
            url = f"{self.cloud.base}{V3}/auth/tokens"
            self.note(httpx.post(url, json={"auth": {"identity": identity}}, timeout=60))

        self.sealed()

    def sealed(self) -> None:
        admin, demo, blob = self.cloud.admin, self.cloud.demo, self.canary("blob")
        body = {"user_id": demo.user_id, "type": "cert", "blob": blob}
        assert demo.post(f"{V3}/credentials", json={"credential": body}).status_code == 201
        for wrong in ({"blob": {"x": blob}}, {"type": "ec2"}, {"blob": blob * 3000}):
            self.note(demo.post(f"{V3}/credentials", json={"credential": body | wrong}))
        path = f"{V3}/users/{demo.user_id}/credentials/OS-EC2"
        made = demo.post(path, json={"tenant_id": demo.project_id}).json()["credential"]
        self.canaries["ec2-secret"] = made["secret"]
        signed = {"access": made["access"], "signature": self.canary("signature")}
        self.note(admin.post(f"{V3}/ec2tokens", json={"credentials": signed}))
        body = {"consumer": {"description": "d"}}
        consumer = admin.post(f"{V3}/OS-OAUTH1/consumers", json=body).json()["consumer"]
        self.canaries["consumer-secret"] = consumer["secret"]

    def servers(self) -> None:
        demo, at = self.cloud.demo, "/compute/v2.1"
        old = {"OpenStack-API-Version": "compute 2.60"}
        pair = demo.post(f"{at}/os-keypairs", json={"keypair": {"name": "made"}}, headers=old)
        private = pair.json()["keypair"]["private_key"].splitlines()
        self.canaries["private-key"] = private[len(private) // 2]
        image = demo.get("/image/v2/images?name=pileus-tiny").json()["images"][0]["id"]
        wanted = {"name": "canary", "imageRef": image, "flavorRef": "42", "networks": "none"}
        body = {"server": wanted | {"adminPass": self.canary("admin-pass"), "config_drive": True}}
        made = demo.post(f"{at}/servers", json=body, headers=COMPUTE)
        assert made.status_code == 202, made.text
        auto = demo.post(f"{at}/servers", json={"server": wanted}, headers=COMPUTE).json()
        self.canaries["made-admin-pass"] = auto["server"]["adminPass"]
        for wrong in (self.canary("long-pass") * 20, {"x": self.canary("odd-pass")}):
            bad = {"server": wanted | {"adminPass": wrong}}
            self.note(demo.post(f"{at}/servers", json=bad, headers=COMPUTE))


@pytest.fixture
def life(told: list[str], fresh_cloud: Cloud) -> _Life:
    """A cloud in which everything with secrets has been done."""
    made = _Life(fresh_cloud)
    made.run()
    return made


def _found(life: _Life, text: str) -> list[str]:
    return [what for what, canary in life.canaries.items() if canary in text]


def test_no_secret_is_logged(life: _Life, told: list[str]) -> None:
    text = "\n".join(told)

    assert "/identity/v3/auth/tokens" in text, "the log was not caught"
    assert _found(life, text) == []


def test_no_secret_is_repeated_in_a_refusal(life: _Life) -> None:
    assert len(life.refusals) > 8
    assert _found(life, "\n".join(life.refusals)) == []


def test_no_secret_stands_in_the_database_as_it_is(life: _Life) -> None:
    files = [p for p in Path(life.cloud.config.state).glob("pileus.db*") if p.is_file()]
    text = b"".join(path.read_bytes() for path in files).decode("latin-1")

    assert "canary" in text, "the database was not read"
    assert _found(life, text) == []
