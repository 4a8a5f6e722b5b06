"""Several real control-plane processes of one simulated cloud, and what stands before them."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx

from pileus.pidfile import running

from ..login import login
from ..ports import free_port
from ..wait import until

T = TypeVar("T")
WAIT = 120.0
SOURCE = Path(__file__).parents[2] / "src"


class Process:
    """One process, started by `pileus up` on a port of its own."""

    def __init__(self, state: Path, *options: str, database: str = "") -> None:
        self.state, self.port = state, free_port()
        self._environment = os.environ | {"PYTHONPATH": str(SOURCE)}
        env = self._environment | ({"PILEUS_DATABASE": database} if database else {})
        self.run("up", "--port", str(self.port), *options, env=env)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, verb: str, *words: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pileus.cli", verb, "--state", str(self.state), *words],
            env=env or self._environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}"
        return done.stdout

    def kill(self) -> None:
        pid = running(self.state)
        assert pid is not None, "it does not run"
        os.kill(pid, signal.SIGKILL)
        until(lambda: running(self.state) is None, "the process to be gone")

    def restart(self) -> None:
        self.run("up")

    def log(self) -> str:
        return (self.state / "log/pileus.log").read_text()

    def close(self) -> None:
        if running(self.state) is not None:
            self.run("down")


class Balancer:
    """HAProxy in turn over all processes, and only over those that are ready."""

    def __init__(self, folder: Path, bases: list[str]) -> None:
        self.port = free_port()
        servers = "\n".join(
            f"    server s{number} {base.removeprefix('http://')} check inter 200ms"
            for number, base in enumerate(bases)
        )
        config = folder / "haproxy.cfg"
        config.write_text(
            "defaults\n    mode http\n    timeout connect 2s\n    timeout client 60s\n"
            "    timeout server 60s\n    retries 3\n    option redispatch\n"
            "    retry-on conn-failure empty-response response-timeout\n"
            f"frontend api\n    bind 127.0.0.1:{self.port}\n    default_backend cloud\n"
            "backend cloud\n    balance roundrobin\n    option httpchk GET /readyz\n"
            + servers
            + "\n"
        )
        self._process = subprocess.Popen(
            ["/usr/sbin/haproxy", "-db", "-f", str(config)],
            stdout=(folder / "haproxy.log").open("w"),
            stderr=subprocess.STDOUT,
        )
        self.base = f"http://127.0.0.1:{self.port}"
        until(self._answers, "HAProxy to find a process that is ready")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.base}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)


class Fleet:
    """Processes with and without hosts on one database, and one client in turn for all of them."""

    def __init__(self, folder: Path, database: str, joined: int = 1, hosts: bool = True) -> None:
        self.folder = folder
        clouds = ("--clouds-file", str(folder / "clouds.yaml"), "--host", "host-0")
        first = Process(folder / "p0", "--simulate", *clouds, database=database)
        self.processes = [first]
        for number in range(1, joined + 1):
            own = ("--host", f"host-{number}") if hosts else ("--no-host",)
            state = folder / f"p{number}"
            self.processes.append(Process(state, "--join", str(first.state), *own))
        self.config: dict[str, Any] = json.loads((first.state / "config.json").read_text())
        self.token, self.project = self._login()

    def _login(self) -> tuple[str, str]:
        body = login("admin", self.config["admin_password"])
        url = f"{self.processes[0].base}/identity/v3/auth/tokens"
        answer = httpx.post(url, json=body, timeout=WAIT)
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"], answer.json()["token"]["project"]["id"]

    def client(self, base: str) -> httpx.Client:
        limits = httpx.Limits(max_connections=256)
        headers = {"X-Auth-Token": self.token, "X-OpenStack-Nova-API-Version": "2.37"}
        return httpx.Client(base_url=base, headers=headers, timeout=WAIT, limits=limits)

    def clients(self) -> Iterator[httpx.Client]:
        """Clients of all processes, in turn for ever."""
        return itertools.cycle([self.client(p.base) for p in self.processes])

    def unlimited(self, client: httpx.Client, **some: int) -> None:
        """No quota on servers and ports, but for these."""
        none = {"instances": -1, "cores": -1, "ram": -1}
        compute = none | {k: v for k, v in some.items() if k in none}
        done = client.put(
            f"/compute/v2.1/os-quota-sets/{self.project}", json={"quota_set": compute}
        )
        assert done.status_code == 200, done.text
        network = {"port": -1} | {k: v for k, v in some.items() if k not in none}
        done = client.put(f"/network/v2.0/quotas/{self.project}", json={"quota": network})
        assert done.status_code == 200, done.text

    def network(self, client: httpx.Client, cidr: str) -> tuple[str, str]:
        """A network with one subnet: the ids of both."""
        made = client.post("/network/v2.0/networks", json={"network": {"name": cidr}})
        net = made.json()["network"]["id"]
        body = {"subnet": {"network_id": net, "ip_version": 4, "cidr": cidr, "enable_dhcp": False}}
        made = client.post("/network/v2.0/subnets", json=body)
        assert made.status_code == 201, made.text
        return net, made.json()["subnet"]["id"]

    def server(self, client: httpx.Client, network: str | None, name: str = "s") -> dict[str, Any]:
        """The body that asks for a server."""
        image = client.get("/image/v2/images").json()["images"][0]["id"]
        nets: Any = "none" if network is None else [{"uuid": network}]
        return {
            "server": {"name": name, "flavorRef": "42", "imageRef": image, "networks": nets},
        }

    def audit(self) -> list[str]:
        """What `pileus audit` finds, asked of every process; each knows its own host's guests."""
        found = []
        for process in self.processes:
            if running(process.state) is not None:
                key = (process.state / "control.key").read_text()
                url = f"{process.base}/pileus/audit"
                answer = httpx.get(url, headers={"X-Pileus-Key": key}, timeout=WAIT)
                assert answer.status_code == 200, answer.text
                found += [one["detail"] for one in answer.json()["findings"]]
        return found

    def statuses(self, client: httpx.Client) -> list[str]:
        found, marker = [], ""
        while True:
            query = {"limit": "1000"} | ({"marker": marker} if marker else {})
            page = client.get("/compute/v2.1/servers/detail", params=query).json()["servers"]
            found += [one["status"] for one in page]
            if len(page) < 1000:
                return found
            marker = page[-1]["id"]

    def close(self) -> None:
        for process in reversed(self.processes):
            process.close()


def at_once(count: int, work: Callable[[int], T], threads: int = 50) -> list[T]:
    """The results of `work(0)` … `work(count - 1)`, many at a time."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(count)))


def haproxy() -> bool:
    return shutil.which("haproxy", path="/usr/sbin:/usr/bin") is not None
