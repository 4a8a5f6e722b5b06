"""A real cloud of a test's own: the commands on it, its API, its guests' processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import httpx
import yaml

from pileus.host.libvirtd import Libvirtd
from pileus.host.place import Place

from .. import wait
from ..login import login
from ..ports import free_port

PILEUS = [sys.executable, "-m", "pileus.cli"]
T = TypeVar("T")
WAIT = 60.0


def free_network() -> str:
    """An external network that no other cloud of this machine has."""
    routes = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True).stdout
    return next(n for n in (f"172.24.{i}.0/24" for i in range(5, 250)) if n not in routes)


def until(done: Callable[[], T], what: str, seconds: float = WAIT) -> T:
    return wait.until(done, what, seconds)


class RealCloud:
    """The cloud in `folder`/state."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.clouds = folder / "clouds.yaml"
        self.place = Place(self.state)
        words = ["--port", str(free_port()), "--external", free_network()]
        self.words = [*words, "--clouds-file", str(self.clouds), "--cloud-name", "real"]
        self._client: httpx.Client | None = None

    def run(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`pileus COMMAND --state …`."""
        return subprocess.run(
            [*PILEUS, command, "--state", str(self.state), *words],
            capture_output=True,
            text=True,
            timeout=600,
        )

    def up(self) -> str:
        """Bring it up; what was printed."""
        done = self.run("up", *self.words)
        assert done.returncode == 0, done.stdout + done.stderr
        self._client = None
        return done.stdout

    @property
    def pid(self) -> int:
        """The control plane's process."""
        return int((self.state / "pileus.pid").read_text().split()[0])

    def daemon(self, name: str) -> int:
        """The process of one of the engines' daemons."""
        return int((self.place.run / "pids" / name).read_text().split()[0])

    def daemons(self) -> list[str]:
        """The engines' daemons."""
        return sorted(p.name for p in (self.place.run / "pids").iterdir() if p.suffix != ".lock")

    def guests(self) -> dict[str, int]:
        """Domain → process of its QEMU."""
        return Libvirtd(self.state).guests()

    @property
    def api(self) -> httpx.Client:
        """A client of the admin, at the compute API."""
        if self._client is None:
            auth = yaml.safe_load(self.clouds.read_text())["clouds"]["real"]["auth"]
            body = login("admin", auth["password"])
            answer = httpx.post(f"{auth['auth_url']}/v3/auth/tokens", json=body, timeout=WAIT)
            headers = {
                "X-Auth-Token": answer.headers["X-Subject-Token"],
                "OpenStack-API-Version": "compute 2.96",
            }
            base = auth["auth_url"].removesuffix("/identity")
            self._client = httpx.Client(base_url=base, headers=headers, timeout=WAIT)
        return self._client

    def boot(self, name: str) -> str:
        """A server without a network, once it is ACTIVE; its id."""
        images = self.api.get("/image/v2/images").json()["images"]
        flavors = self.api.get("/compute/v2.1/flavors").json()["flavors"]
        server = {
            "name": name,
            "imageRef": next(i["id"] for i in images if i["name"] == "pileus-tiny"),
            "flavorRef": next(f["id"] for f in flavors if f["name"] == "m1.nano"),
            "networks": "none",
            "config_drive": True,
        }
        made = self.api.post("/compute/v2.1/servers", json={"server": server})
        assert made.status_code == 202, made.text
        found = str(made.json()["server"]["id"])
        until(lambda: self.status(found) == "ACTIVE", f"{name} to be ACTIVE")
        return found

    def status(self, server: str) -> str:
        """The server's status."""
        answer = self.api.get(f"/compute/v2.1/servers/{server}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["server"]["status"])

    def console(self, server: str) -> str:
        """What the guest wrote to its console."""
        action = {"os-getConsoleOutput": {}}
        answer = self.api.post(f"/compute/v2.1/servers/{server}/action", json=action)
        return str(answer.json()["output"]) if answer.status_code == 200 else ""

    def audited(self) -> list[dict[str, str]]:
        """What `pileus audit` finds."""
        done = self.run("audit", "--json")
        assert done.returncode in (0, 1), done.stdout + done.stderr
        found: list[dict[str, str]] = json.loads(done.stdout)
        return found

    def processes(self) -> list[int]:
        """Every process of this cloud that lives: control plane, daemons, guests."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            ours = str(self.state) in words or str(self.place.run) in words
            if ours and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        return found
