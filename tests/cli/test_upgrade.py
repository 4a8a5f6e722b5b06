"""Versions N and N+1 serve one database under load, and one takes over from the other."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..login import login
from . import next_version
from .test_commands import Machine

SOURCE = Path(__file__).parents[2] / "src"
_HEADERS = {"OpenStack-API-Version": "compute 2.90"}


class Site(Machine):
    """A machine whose commands can be those of another version."""

    def of(self, path: Path, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`pileus COMMAND` of the package at this path."""
        return subprocess.run(
            [sys.executable, "-m", "pileus.cli", command, "--state", str(self.state), *words],
            capture_output=True,
            text=True,
            timeout=280,
            env=os.environ | {"PYTHONPATH": str(path)},
        )

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Load:
    """Clients that create, lock, show and delete servers, at each of several processes."""

    def __init__(self, password: str, image: str) -> None:
        self._password, self._image = password, image
        self.faults: list[str] = []
        self.calls, self.longest = 0, 0.0
        self._stops: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def at(self, base: str) -> None:
        """Begin at this process."""
        self._stops[base] = threading.Event()
        thread = threading.Thread(target=self._run, args=[base, self._stops[base]])
        thread.start()
        self._threads.append(thread)

    def leave(self, base: str) -> None:
        """End at this process."""
        self._stops.pop(base).set()

    def stop(self) -> None:
        for base in list(self._stops):
            self.leave(base)
        for thread in self._threads:
            thread.join(100)

    def _run(self, base: str, stop: threading.Event) -> None:
        try:
            with client(base, self._password) as api:
                for turn in itertools.count():
                    if stop.is_set():
                        return
                    self._turn(api, f"load-{turn}")
        except Exception as wrong:
            self.faults.append(f"{base}: {type(wrong).__name__}: {wrong}")

    def _turn(self, api: httpx.Client, name: str) -> None:
        body = {"name": name, "flavorRef": "42", "imageRef": self._image, "networks": "none"}
        made = self._call(api, "POST", "/servers", {"server": body})
        path = f"/servers/{made['server']['id']}"
        self._call(api, "POST", f"{path}/action", {"lock": {"locked_reason": name}})
        self._call(api, "GET", path)
        self._call(api, "POST", f"{path}/action", {"unlock": None})
        self._call(api, "GET", "/servers/detail")
        self._call(api, "DELETE", path)

    def _call(self, api: httpx.Client, method: str, path: str, body: Any = None) -> Any:
        begun = time.monotonic()
        answer = api.request(method, f"/compute/v2.1{path}", json=body)
        self.longest = max(self.longest, time.monotonic() - begun)
        self.calls += 1
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def client(base: str, password: str) -> httpx.Client:
    url = f"{base}/identity/v3/auth/tokens"
    answer = httpx.post(url, json=login("admin", password), timeout=60)
    headers = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
    return httpx.Client(base_url=base, headers=headers | _HEADERS, timeout=60)


def columns(database: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(database)) as raw:
        return {row[1] for row in raw.execute("PRAGMA table_info(servers)")}


@pytest.fixture
def following(tmp_path: Path) -> Path:
    return next_version.make(tmp_path / "next")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.run("down")


def kept_server(api: httpx.Client, image: str, reason: str) -> str:
    body = {"name": "kept", "flavorRef": "42", "imageRef": image, "networks": "none"}
    made = api.post("/compute/v2.1/servers", json={"server": body}).json()["server"]["id"]
    action = {"lock": {"locked_reason": reason}}
    path = f"/compute/v2.1/servers/{made}"
    assert api.post(f"{path}/action", json=action).status_code == 202
    deadline = time.monotonic() + 60
    while api.get(path).json()["server"]["status"] != "ACTIVE":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return str(made)


@pytest.mark.timeout(600)
def test_a_cloud_is_upgraded_without_a_refused_call(site: Site, following: Path) -> None:
    assert site.up().returncode == 0
    password = json.loads((site.state / "config.json").read_text())["admin_password"]
    pid = site.pid
    with client(site.base, password) as api:
        image = api.get("/image/v2/images").json()["images"][0]["id"]
        server = kept_server(api, image, "by the old one")
        guests = (site.state / "simulated-guests.jsonl").read_text().count(server)
    load = Load(password, image)
    load.at(site.base)

    done = site.of(following, "upgrade")
    load.stop()

    status = json.loads(site.of(following, "status", "--json").stdout)
    audit = site.of(following, "audit")
    with client(site.base, password) as api:
        shown = api.get(f"/compute/v2.1/servers/{server}").json()["server"]
    again = site.of(following, "upgrade")
    site.run("down")
    back = site.up()
    print(f"{load.calls} calls, the longest {load.longest:.1f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert load.faults == [] and load.calls > 20
    assert (status["version"], status["pid"]) == (next_version.VERSION, pid)
    assert audit.returncode == 0, audit.stdout
    assert next_version.OLD not in columns(site.state / "pileus.db")
    assert (shown["status"], shown["locked_reason"]) == ("ACTIVE", "by the old one")
    assert guests
    assert "runs already" in again.stdout
    assert back.returncode == 1 and "of a newer version of Pileus" in back.stderr


@pytest.mark.timeout(600)
def test_two_versions_serve_together_and_the_last_old_one_ends_it(
    tmp_path: Path, following: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = Site(tmp_path / "a"), Site(tmp_path / "b")
    database = tmp_path / "shared.db"
    assert one.up("--database", f"sqlite:///{database}").returncode == 0
    password = json.loads((one.state / "config.json").read_text())["admin_password"]
    with client(one.base, password) as api:
        image = api.get("/image/v2/images").json()["images"][0]["id"]
        # A guest goes only once its host's process has heard of it, from the other one by a poll.
        token = {"X-Subject-Token": api.headers["X-Auth-Token"]}
        found = api.get("/identity/v3/auth/tokens", headers=token).json()["token"]
        quotas = f"/compute/v2.1/os-quota-sets/{found['project']['id']}"
        unlimited = {"quota_set": {"instances": -1, "cores": -1, "ram": -1}}
        assert api.put(quotas, json=unlimited).status_code == 200
    load = Load(password, image)
    load.at(one.base)

    words = ["--simulate", "--join", str(one.state), "--no-host", "--port", str(two.port)]
    joined = two.of(following, "up", *words)
    load.at(two.base)
    time.sleep(5)  # both under load
    together = columns(database)
    with client(one.base, password) as api:
        server = kept_server(api, image, "while both serve")
    done = one.of(following, "upgrade")
    time.sleep(2)
    load.stop()

    audit = one.of(following, "audit")
    with client(two.base, password) as api:
        shown = api.get(f"/compute/v2.1/servers/{server}").json()["server"]
    for site in (one, two):
        site.run("down")
    print(f"{load.calls} calls, the longest {load.longest:.1f} s")
    assert joined.returncode == 0, joined.stdout + joined.stderr
    assert {next_version.OLD, next_version.NEW} <= together
    assert done.returncode == 0, done.stdout + done.stderr
    assert load.faults == []
    assert next_version.OLD not in columns(database)
    assert shown["locked_reason"] == "while both serve"
    assert audit.returncode == 0, audit.stdout


def test_an_upgrade_that_dies_leaves_a_cloud_that_either_version_starts(
    site: Site, following: Path
) -> None:
    assert site.up().returncode == 0
    os.kill(site.pid, signal.SIGKILL)
    while site.run("status").returncode == 0:
        time.sleep(0.05)

    done = site.of(following, "upgrade")

    status = json.loads(site.of(following, "status", "--json").stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert status["version"] == next_version.VERSION
