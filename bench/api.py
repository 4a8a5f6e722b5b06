"""The simulated cloud under load, whole: `make bench` runs it. Every figure names its bound.

The client runs on the same cores as the cloud. A ratio to a bare answer of the same process (its
health page) is printed with each rate, so that runs on different machines can be compared.
"""

import concurrent.futures
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

PILEUS = [sys.executable, "-m", "pileus.cli"]
SERVERS = int(os.environ.get("BENCH_SERVERS", "1000"))
PAIRS, ROUNDS = 40, 9
_IDLE = 2.0  # seconds
TICKS = os.sysconf("SC_CLK_TCK")


class Cloud:
    """A simulated cloud in a process of its own, and connections to it, one a thread."""

    def __init__(self, folder: Path, port: int, *more: str) -> None:
        self.port, self.folder = port, folder
        self._local = threading.local()
        self.token = ""
        begun = time.perf_counter()
        words = ["up", "--simulate", "--state", str(folder / "state"), "--port", str(port)]
        environment = os.environ | {"PILEUS_ADMIN_PASSWORD": "bench-secret"}
        files = ["--clouds-file", str(folder / "clouds.yaml")]
        subprocess.run([*PILEUS, *words, *files, *more], check=True, env=environment, stdout=-3)
        self.token = self.login()
        self.start_seconds = time.perf_counter() - begun
        self.pid = int((folder / "state/pileus.pid").read_text().split()[0])

    def login(self) -> str:
        """A token by password."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": "bench-secret"}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": scope}}
        return str(self.ask("POST", "/identity/v3/auth/tokens", body)[2]["x-subject-token"])

    def again(self) -> None:
        """A token for the same project by the token."""
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["token"], "token": {"id": self.token}}
        body = {"auth": {"identity": identity, "scope": scope}}
        assert self.ask("POST", "/identity/v3/auth/tokens", body)[0] == 201

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Status, decoded body and headers."""
        connection = self._connection()
        known = {"X-Auth-Token": self.token, "Content-Type": "application/json"}
        known |= {"X-OpenStack-Nova-API-Version": "2.96"} | headers
        connection.request(method, path, None if body is None else json.dumps(body), known)
        answer = connection.getresponse()
        data = answer.read()
        named = {k.lower(): v for k, v in answer.getheaders()}
        return answer.status, json.loads(data) if data[:1] in (b"{", b"[") else data, named

    def _connection(self) -> HTTPConnection:
        """This thread's connection: a new one where the server may be about to end an idle one."""
        now = time.monotonic()
        if now - getattr(self._local, "used", 0.0) > _IDLE:
            self._local.connection = HTTPConnection("127.0.0.1", self.port)
        self._local.used = now
        return self._local.connection  # type: ignore[no-any-return]

    def cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def waited(self) -> float:
        """Seconds for which its threads could have run, but for others on the cores."""
        waited = 0
        for stat in Path(f"/proc/{self.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # a thread that has just ended
                waited += int(stat.read_text().split()[1])
        return waited / 1e9

    def pss(self) -> float:
        """Memory of the process, its share of shared pages included, in MB."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return int(next(x.split()[1] for x in lines if x.startswith("Pss:"))) / 1024

    def down(self) -> None:
        """Stop it."""
        subprocess.run([*PILEUS, "down", "--state", str(self.folder / "state")], stdout=-3)


def rate(work: Callable[[], object], workers: int, seconds: float = 3.0) -> float:
    """Calls per second by so many threads."""
    stop = time.perf_counter() + seconds

    def run() -> int:
        count = 0
        while time.perf_counter() < stop:
            work()
            count += 1
        return count

    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        total = sum(f.result() for f in [pool.submit(run) for _ in range(workers)])
    return total / (time.perf_counter() - begun)


class Servers:
    """Creates and deletes servers and waits for them as a client does, by asking."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        flavors = cloud.ask("GET", "/compute/v2.1/flavors")[1]["flavors"]
        self.flavor = next(f["id"] for f in flavors if f["name"] == "m1.nano")
        self.image = cloud.ask("GET", "/image/v2/images")[1]["images"][0]["id"]
        made = cloud.ask("POST", "/network/v2.0/networks", {"network": {"name": "bench"}})[1]
        self.network = made["network"]["id"]
        subnet = {"network_id": self.network, "cidr": "10.0.0.0/16", "ip_version": 4}
        cloud.ask("POST", "/network/v2.0/subnets", {"subnet": subnet})
        project = cloud.ask("GET", "/identity/v3/auth/tokens", **{"X-Subject-Token": cloud.token})
        project_id = project[1]["token"]["project"]["id"]
        every = {"instances": -1, "cores": -1, "ram": -1}
        cloud.ask("PUT", f"/compute/v2.1/os-quota-sets/{project_id}", {"quota_set": every})
        cloud.ask("PUT", f"/network/v2.0/quotas/{project_id}", {"quota": {"port": -1}})

    def create(self, number: int, pause: float = 0.005) -> tuple[str, float]:
        """Create one and ask every `pause` seconds until it is ACTIVE: its id and the seconds."""
        begun = time.perf_counter()
        body = {
            "name": f"bench-{number}",
            "flavorRef": self.flavor,
            "imageRef": self.image,
            "networks": [{"uuid": self.network}],
        }
        status, answer, _ = self.cloud.ask("POST", "/compute/v2.1/servers", {"server": body})
        assert status == 202, answer
        key = answer["server"]["id"]
        while True:
            shown = self.cloud.ask("GET", f"/compute/v2.1/servers/{key}")[1]["server"]
            if shown["status"] == "ACTIVE":
                return key, time.perf_counter() - begun
            assert shown["status"] == "BUILD", shown
            time.sleep(pause)

    def delete(self, key: str, pause: float = 0.005) -> float:
        """Delete one and ask every `pause` seconds until it is gone: the seconds."""
        begun = time.perf_counter()
        self.cloud.ask("DELETE", f"/compute/v2.1/servers/{key}")
        while self.cloud.ask("GET", f"/compute/v2.1/servers/{key}")[0] != 404:
            time.sleep(pause)
        return time.perf_counter() - begun


def line(what: str, value: str, bound: str = "") -> None:
    """Print one figure and what it should be."""
    print(f"{what:54}{value:>20}   {bound}", flush=True)


def machine() -> str:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "?")
    return f"{os.cpu_count()} × {cpu}, Python {platform.python_version()}, SQLite"


def main() -> None:
    """Measure everything."""
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder), int(os.environ.get("BENCH_PORT", "18999")))
        try:
            measure(cloud)
        finally:
            cloud.down()


def measure(cloud: Cloud) -> None:
    """The figures, in order."""
    line("start (first ever) to first token", f"{cloud.start_seconds:.2f} s", "under 3 s")
    time.sleep(2)
    line("idle memory", f"{cloud.pss():.0f} MB PSS", "under 200 MB")
    bare = rate(lambda: cloud.ask("GET", "/healthz"), 10)
    line("health page, 10 at a time (the baseline)", f"{bare:,.0f}/s")
    rates: dict[str, Callable[[], object]] = {
        "token by password": cloud.login,
        "token by token": cloud.again,
        "token validated": lambda: cloud.ask(
            "GET", "/identity/v3/auth/tokens", **{"X-Subject-Token": cloud.token}
        ),
        "flavors": lambda: cloud.ask("GET", "/compute/v2.1/flavors"),
        "networks": lambda: cloud.ask("GET", "/network/v2.0/networks"),
    }
    for name, work in rates.items():
        found = rate(work, 10)
        line(f"{name}, 10 at a time", f"{found:,.0f}/s", f"{found / bare:.3f} of the baseline")
    servers = Servers(cloud)
    one_by_one(cloud, servers)
    many(cloud, servers)


def one_by_one(cloud: Cloud, servers: Servers) -> None:
    """Creates and deletes in series, and what they cost: the median of rounds, once warm.

    A machine that is shared does the same work for half as much CPU again from one second to the
    next, so the least and the most of the rounds are shown too.
    """
    for number in range(PAIRS // 2):
        servers.delete(servers.create(number)[0])
    times: list[float] = []
    gone: list[float] = []
    used = []
    for _ in range(ROUNDS):
        before = cloud.cpu()
        for number in range(PAIRS):
            key, seconds = servers.create(number)
            times.append(seconds)
            gone.append(servers.delete(key))
        used.append((cloud.cpu() - before) / PAIRS)
    line("server create → ACTIVE, serial, median", f"{_ms(times)} ms", "under 50 ms")
    line("server delete → gone, serial, median", f"{_ms(gone)} ms")
    line("CPU for one create and delete, median", f"{_ms(used)} ms", "at most 25 ms")
    line("  of rounds, least and most", f"{min(used) * 1000:.1f}–{max(used) * 1000:.1f} ms")


def many(cloud: Cloud, servers: Servers) -> None:
    """A thousand servers, ten at a time; and lists with a thousand in place."""
    patient = [0.05] * SERVERS  # ten who asked without a pause would be most of the load
    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        made = list(pool.map(servers.create, range(SERVERS), patient))
    total = time.perf_counter() - begun
    line(f"{SERVERS} servers, 10 at a time", f"{total:.1f} s", "under 20 s for 1,000")
    line("  create → ACTIVE in that, median", f"{_ms([s for _, s in made])} ms")
    detail = "/compute/v2.1/servers/detail"
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        found = cloud.ask("GET", detail)[1]["servers"]
        times.append(time.perf_counter() - begun)
    line(f"GET /servers/detail with {len(found)} servers", f"{_ms(times)} ms")
    line("memory with them in place", f"{cloud.pss():.0f} MB PSS")
    begun = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(servers.delete, [key for key, _ in made], patient))
    line(f"{SERVERS} deletes, 10 at a time", f"{time.perf_counter() - begun:.1f} s")


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.1f}"


if __name__ == "__main__":
    main()
