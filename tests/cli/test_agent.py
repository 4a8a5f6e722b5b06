"""`pileus agent`, as a user calls it: a control plane and hosts in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pileus.core.ids import derived
from pileus.first_image import NAME

from .. import wait
from ..login import login
from ..ports import free_port

PILEUS = [sys.executable, "-m", "pileus.cli"]
SEED = 5


def until(done: Callable[[], bool], what: str) -> None:
    wait.until(done, what, 60)


class Cloud:
    """A control plane in one state directory, a host in another."""

    def __init__(self, folder: Path) -> None:
        self.state, self.host = folder / "cloud", folder / "host"
        self.clouds = folder / "clouds.yaml"
        self.port, self.agent_port = free_port(), free_port()
        self.name = "far"
        self._token = ""

    def run(self, *words: str, state: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PILEUS, *words, "--state", str(state or self.state)],
            capture_output=True,
            text=True,
            timeout=100,
        )

    def up(self) -> None:
        files = ["--clouds-file", str(self.clouds), "--port", str(self.port)]
        listen = ["--agent-listen", f"127.0.0.1:{self.agent_port}"]
        done = self.run("up", "--simulate", "--seed", str(SEED), *files, *listen)
        assert done.returncode == 0, done.stderr + done.stdout

    def join(self, token: str, *more: str) -> subprocess.CompletedProcess[str]:
        words = ["--token", token, "--name", self.name, "--simulate", *more]
        return self.run("agent", "join", f"127.0.0.1:{self.agent_port}", *words, state=self.host)

    def token(self, *more: str) -> str:
        made = self.run("agent", "token", "create", "--quiet", *more)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def pid(self, state: Path) -> int:
        return int((state / "pileus.pid").read_text().split()[0])

    def kill(self, state: Path) -> None:
        """SIGKILL, and wait until nobody is there."""
        pid = self.pid(state)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}/cwd").exists(), "the process to be gone")

    def connected(self) -> bool:
        return self.run("agent", "status", state=self.host).returncode == 0

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if not self._token:
            self._login()
        headers = {"X-Auth-Token": self._token, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as wrong:
            return wrong.code, wrong.read()

    def _login(self) -> None:
        auth = yaml.safe_load(self.clouds.read_text())["clouds"]["pileus"]["auth"]
        request = urllib.request.Request(
            f"{auth['auth_url']}/v3/auth/tokens",
            json.dumps(login("admin", auth["password"])).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            self._token = answer.headers["X-Subject-Token"]

    def create(self, name: str) -> str:
        body = {
            "name": name,
            "flavorRef": "42",
            "imageRef": derived("first image", SEED, NAME),
            "availability_zone": f"nova:{self.name}",
            "networks": self.nets(),
        }
        status, found = self.call("POST", "/compute/v2.1/servers", {"server": body})
        assert status == 202, found
        return str(found["server"]["id"])

    def nets(self) -> list[dict[str, str]]:
        _, found = self.call("GET", "/network/v2.0/networks?name=private")
        networks = found["networks"]
        if not networks:
            _, made = self.call("POST", "/network/v2.0/networks", {"network": {"name": "private"}})
            networks = [made["network"]]
            subnet = {"network_id": networks[0]["id"], "cidr": "10.77.0.0/24", "ip_version": 4}
            self.call("POST", "/network/v2.0/subnets", {"subnet": subnet})
        return [{"uuid": networks[0]["id"]}]

    def status(self, server: str) -> str:
        status, found = self.call("GET", f"/compute/v2.1/servers/{server}")
        return str(found["server"]["status"]) if status == 200 else "GONE"

    def guests(self) -> set[str]:
        """Ids of the guests that the host remembers."""
        found: set[str] = set()
        for line in (self.host / "simulated-guests.jsonl").read_text().splitlines():
            record = json.loads(line)
            (found.discard if record.get("gone") else found.add)(record["id"])
        return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp("shared"))
    made.up()
    yield made
    made.run("down")


@pytest.fixture
def cloud(shared: Cloud, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """The cloud of all tests here, with a host of the test's own."""
    shared.host = tmp_path / "host"
    shared.name = f"far-{request.node.name[5:30].strip('_').replace('_', '-')}"
    yield shared
    shared.run("agent", "down", state=shared.host)


def test_both_sides_are_killed_and_the_cloud_converges(cloud: Cloud) -> None:
    assert cloud.join(cloud.token("--host", cloud.name)).returncode == 0
    first = cloud.create("first")
    until(lambda: cloud.status(first) == "ACTIVE", "the first server")

    second = cloud.create("second")
    cloud.kill(cloud.host)
    third = cloud.create("third")
    assert cloud.run("agent", "up", state=cloud.host).returncode == 0
    for server in (second, third):
        until(lambda s=server: cloud.status(s) == "ACTIVE", "servers of a killed host")

    fourth = cloud.create("fourth")
    cloud.call("DELETE", f"/compute/v2.1/servers/{first}")
    cloud.kill(cloud.state)
    cloud.up()
    until(lambda: cloud.status(fourth) == "ACTIVE", "a server of a killed control plane")
    until(lambda: cloud.status(first) == "GONE", "the deletion")

    until(lambda: cloud.guests() == {second, third, fourth}, "the right guests")
    audit = cloud.run("audit")
    assert audit.returncode == 0, audit.stdout


def test_a_host_joins_shows_how_it_is_and_leaves(cloud: Cloud) -> None:
    token = cloud.token()
    assert cloud.join(token).returncode == 0

    assert cloud.name in cloud.run("agent", "list").stdout
    found = json.loads(cloud.run("agent", "status", "--json", state=cloud.host).stdout)
    assert (found["host"], found["connected"]) == (cloud.name, True)
    server = cloud.create("stays")
    until(lambda: cloud.status(server) == "ACTIVE", "the server")
    refused = cloud.run("agent", "leave", state=cloud.host)
    assert refused.returncode == 1
    assert "hosting instances" in refused.stderr
    cloud.call("DELETE", f"/compute/v2.1/servers/{server}")
    until(lambda: cloud.status(server) == "GONE", "the deletion")
    assert cloud.run("agent", "leave", state=cloud.host).returncode == 0
    assert cloud.name not in cloud.run("agent", "list").stdout
    assert cloud.run("agent", "status", state=cloud.host).returncode == 1


def test_a_removed_host_is_refused_on_both_sides_and_doctor_says_so(cloud: Cloud) -> None:
    assert cloud.join(cloud.token()).returncode == 0

    assert cloud.run("agent", "remove", cloud.name).returncode == 0

    until(
        lambda: cloud.run("agent", "status", state=cloud.host).returncode == 3, "the agent to end"
    )
    assert "removed" in cloud.run("agent", "status", state=cloud.host).stdout
    again = cloud.run("agent", "up", state=cloud.host)
    assert again.returncode == 1
    assert "revoked" in again.stderr
    assert "refused at the agent port" in cloud.run("doctor").stdout


def test_a_token_is_used_once(cloud: Cloud, tmp_path: Path) -> None:
    token = cloud.token()
    assert cloud.join(token).returncode == 0

    words = ["--token", token, "--name", "other", "--simulate"]
    url = f"https://127.0.0.1:{cloud.agent_port}"
    done = cloud.run("agent", "join", url, *words, state=tmp_path / "other")

    assert done.returncode == 1
    assert "has been used" in done.stderr


def test_a_host_cannot_be_renamed(cloud: Cloud) -> None:
    assert cloud.join(cloud.token()).returncode == 0
    cloud.run("agent", "down", state=cloud.host)

    done = cloud.join(cloud.token(), "--name", "near")

    assert done.returncode == 1
    assert "keeps its name" in done.stderr
