"""How the control plane grows with its hosts: 500, 1,000 and 5,000 simulated ones, and servers.

    python bench/fleet.py [HOSTS …]

For each number of hosts a cloud of its own is made, and BENCH_SERVERS are created on it. How the
cost of a server grows is measured with the smallest and the largest cloud side by side and by
turns: measured one after the other, whatever else the machine does would be part of it. At the end
BENCH_FILL more servers (0 unless it is set; as many as there can be in BENCH_FILL_MINUTES) are
created on the largest, and the mixed load is measured there again. Everything is on the same cores:
control planes, hosts and clients.
"""

import concurrent.futures
import contextlib
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from api import Cloud, line, machine

from pileus.sim import Plan
from pileus.sim.fleet import Fleet

SERVERS = int(os.environ.get("BENCH_SERVERS", "1000"))
FILL = int(os.environ.get("BENCH_FILL", "0"))
LONGEST = float(os.environ.get("BENCH_FILL_MINUTES", "60")) * 60
IDLE, MIXED, RATE = 60.0, 60.0, 20
PORT = int(os.environ.get("BENCH_PORT", "18999"))
NETWORKS, CLIENTS = 40, 10
BLOCK = 2500  # servers of a fill that are told of in one line
TURNS, TURN = 6, 100  # and the servers in each


class Site:
    """A control plane, its fleet, and what the servers stand on."""

    def __init__(self, folder: Path, hosts: int, port: int) -> None:
        """port: the API's; the one after it is the agents'."""
        self.hosts = hosts
        server = f"127.0.0.1:{port + 1}"
        self.cloud = Cloud(folder, port, "--agent-listen", server)
        self.empty = self.cloud.pss()
        key = (folder / "state/control.key").read_text()
        query = f"/pileus/agents/token?host=sim&many={hosts}"
        token = self.cloud.ask("POST", query, **{"X-Pileus-Key": key})[1]["token"]
        begun = time.perf_counter()
        plan = Plan(server, str(folder / "hosts"), "sim", hosts, processes=2, token=token)
        self.fleet = Fleet(plan)
        while self.fleet.count("connected") < hosts:
            assert not self.fleet.ended(), "a process of the fleet has failed"
            time.sleep(0.2)
        self.start_seconds = time.perf_counter() - begun
        self._own_host_takes_none()
        self._stand()

    def _own_host_takes_none(self) -> None:
        for one in self.cloud.ask("GET", "/compute/v2.1/os-services")[1]["services"]:
            if not one["host"].startswith("sim-"):
                path, body = f"/compute/v2.1/os-services/{one['id']}", {"status": "disabled"}
                self.cloud.ask("PUT", path, body)

    def _stand(self) -> None:
        ask = self.cloud.ask
        self.image = ask("GET", "/image/v2/images")[1]["images"][0]["id"]
        token = {"X-Subject-Token": self.cloud.token}
        project = ask("GET", "/identity/v3/auth/tokens", **token)[1]["token"]["project"]["id"]
        every = {"instances": -1, "cores": -1, "ram": -1}
        ask("PUT", f"/compute/v2.1/os-quota-sets/{project}", {"quota_set": every})
        more = {"port": -1, "network": -1, "subnet": -1}
        ask("PUT", f"/network/v2.0/quotas/{project}", {"quota": more})
        self.networks = []
        for number in range(NETWORKS):
            made = ask("POST", "/network/v2.0/networks", {"network": {"name": f"n{number}"}})[1]
            key = made["network"]["id"]
            subnet = {"network_id": key, "cidr": f"10.{number}.0.0/19", "ip_version": 4}
            ask("POST", "/network/v2.0/subnets", {"subnet": subnet})
            self.networks.append(key)

    def create(self, number: int) -> str:
        """Ask for a server; its id."""
        body = {
            "name": f"bench-{number}",
            "flavorRef": "42",
            "imageRef": self.image,
            "networks": [{"uuid": self.networks[number % NETWORKS]}],
        }
        status, answer, _ = self.cloud.ask("POST", "/compute/v2.1/servers", {"server": body})
        assert status == 202, answer
        return str(answer["server"]["id"])

    def active(self, number: int) -> tuple[str, float]:
        """Create one and ask until it is ACTIVE: its id and the seconds."""
        begun = time.perf_counter()
        key = self.create(number)
        while True:
            shown = self.cloud.ask("GET", f"/compute/v2.1/servers/{key}")[1]["server"]
            if shown["status"] == "ACTIVE":
                return key, time.perf_counter() - begun
            assert shown["status"] == "BUILD", shown
            time.sleep(0.05)

    def gone(self, key: str) -> None:
        """Delete a server and ask until it is gone."""
        self.cloud.ask("DELETE", f"/compute/v2.1/servers/{key}")
        while self.cloud.ask("GET", f"/compute/v2.1/servers/{key}")[0] != 404:
            time.sleep(0.05)

    def turn(self, numbers: range) -> float:
        """Create and delete these servers; ms of the control plane's CPU for each."""
        before = self.cloud.cpu()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            made = list(pool.map(self.active, numbers))
            list(pool.map(self.gone, [key for key, _ in made]))
        return (self.cloud.cpu() - before) / len(made) * 1000

    def fill(self, numbers: range) -> tuple[list[str], list[float], float, float]:
        """Ids, seconds of each, servers per second, and ms of the control plane's CPU for each."""
        before, begun = self.cloud.cpu(), time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            made = list(pool.map(self.active, numbers))
        rate = len(made) / (time.perf_counter() - begun)
        cost = (self.cloud.cpu() - before) / len(made) * 1000
        return [key for key, _ in made], [seconds for _, seconds in made], rate, cost

    def database(self) -> float:
        """MB of the database's files."""
        files = (self.cloud.folder / "state").glob("pileus.db*")
        return sum(file.stat().st_size for file in files) / 1e6

    def close(self) -> None:
        """Stop everything."""
        self.fleet.stop()
        self.cloud.down()


def idle(site: Site) -> None:
    """What hosts cost that do nothing."""
    time.sleep(5)
    wire, cpu, begun = site.fleet.count("wire"), site.cloud.cpu(), time.perf_counter()
    time.sleep(IDLE)
    seconds = time.perf_counter() - begun
    told = (site.fleet.count("wire") - wire) / site.hosts / seconds * 60
    line("  idle host: messages, both ways", f"{told:.0f} bytes a minute")
    busy = (site.cloud.cpu() - cpu) / seconds
    each = busy * 60_000 / site.hosts
    line("  control plane while all are idle", f"{busy:.1%} of a core", f"{each:.2f} ms/min a host")


def mixed(site: Site, keys: list[str], numbers: Iterator[int]) -> None:
    """So many requests a second, each begun on time whatever became of the others."""
    chance, mine = random.Random(1), list[str]()

    def work(begin: float, kind: int) -> tuple[str, float]:
        ask, name = site.cloud.ask, "show"
        if kind < 2:
            name = "create"
            mine.append(site.create(next(numbers)))
        elif kind < 4 and mine:
            name = "delete"
            ask("DELETE", f"/compute/v2.1/servers/{mine.pop(0)}")
        elif kind < 6:
            name = "list of 100"
            ask("GET", "/compute/v2.1/servers/detail?limit=100")
        elif kind < 8:
            name = "ports of a server"
            ask("GET", f"/network/v2.0/ports?device_id={chance.choice(keys)}")
        elif kind < 9:
            name = "hosts"
            ask("GET", "/compute/v2.1/os-hypervisors?limit=100")
        else:
            ask("GET", f"/compute/v2.1/servers/{chance.choice(keys)}")
        return name, time.perf_counter() - begin

    ran, waited, begun = site.cloud.cpu(), site.cloud.waited(), time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        waiting = []
        for number in range(int(MIXED * RATE)):
            due = begun + number / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            waiting.append(pool.submit(work, due, chance.randrange(20)))
        done = [one.result() for one in waiting]
    every = [seconds for _, seconds in done]
    line(f"  API, {RATE} a second mixed, p50", f"{_part(every, 50)} ms")
    line(f"  API, {RATE} a second mixed, p99", f"{_part(every, 99)} ms", "under 1 s")
    ran, waited = site.cloud.cpu() - ran, max(0.0, site.cloud.waited() - waited)
    line("    control plane ran, and waited for a core", f"{ran:.0f} s, {waited:.0f} s")
    for name in sorted({name for name, _ in done}):
        line(f"    {name}, p99", f"{_part([s for n, s in done if n == name], 99)} ms")


def measure(site: Site) -> list[str]:
    """Everything about one cloud; the servers that are on it then."""
    line("  joined and connected after", f"{site.start_seconds:.0f} s")
    memory = site.cloud.pss()
    each = (memory - site.empty) * 1000 / site.hosts
    line("  control plane's memory", f"{memory:.0f} MB PSS", f"{each:.0f} kB a host")
    idle(site)
    keys = _servers(site, range(SERVERS))
    mixed(site, keys, itertools.count(10_000_000))
    return keys


def growth(small: Site, large: Site) -> None:
    """The cost of a server on the larger of two clouds to that on the smaller, by turns."""
    costs: dict[Site, list[float]] = {small: [], large: []}
    for number in range(TURNS):
        begin = 20_000_000 + number * TURN
        # Whoever begins has what the other left behind: each begins every other turn.
        for site in (small, large) if number % 2 else (large, small):
            costs[site].append(site.turn(range(begin, begin + TURN)))
    print(f"{small.hosts} and {large.hosts} hosts by turns", flush=True)
    for site, found in costs.items():
        what = f"  CPU for one create and delete, {site.hosts} hosts"
        line(what, f"{statistics.median(found):.1f} ms", f"{min(found):.1f}–{max(found):.1f}")
    ratio = statistics.median(b / a for a, b in zip(*costs.values(), strict=True))
    line("  the larger to the smaller", f"{ratio:.2f}", "at most 1.33")


def fill(site: Site, keys: list[str]) -> None:
    """Create BENCH_FILL more servers, and measure the mixed load among them."""
    print(f"{site.hosts} hosts, filled", flush=True)
    begun, before = time.perf_counter(), len(keys)
    for begin in range(before, before + FILL, BLOCK):
        keys += _servers(site, range(begin, min(begin + BLOCK, before + FILL)))
        if time.perf_counter() - begun > LONGEST:
            break
    rate = (len(keys) - before) / (time.perf_counter() - begun)
    line(f"  {len(keys)} servers in place, sustained", f"{rate:.1f}/s")
    mixed(site, keys, itertools.count(30_000_000))


def _servers(site: Site, numbers: range) -> list[str]:
    keys, times, rate, cost = site.fill(numbers)
    line(f"  servers {numbers.start}–{numbers.stop}, {CLIENTS} at a time", f"{rate:.1f}/s")
    line("    create → ACTIVE, p50", f"{_part(times, 50)} ms")
    line("    create → ACTIVE, p99", f"{_part(times, 99)} ms")
    line("    control plane's CPU for a server", f"{cost:.1f} ms")
    line("    control plane's memory", f"{site.cloud.pss():.0f} MB PSS")
    line("    database", f"{site.database():.0f} MB")
    return keys


def _part(seconds: list[float], percent: int) -> str:
    if len(seconds) < 2:
        return f"{seconds[0] * 1000:.0f}"
    return f"{statistics.quantiles(seconds, n=100)[percent - 1] * 1000:.0f}"


def main() -> None:
    """Measure each number of hosts, then how the cost of a server grows, then a full cloud."""
    counts = sorted(int(word) for word in sys.argv[1:]) or [500, 1000, 5000]
    print(f"{machine()}\n")
    with contextlib.ExitStack() as ending:
        smallest: Site | None = None
        for number, hosts in enumerate(counts):
            print(f"{hosts} hosts", flush=True)
            with contextlib.ExitStack() as here:
                stay = here if 0 < number < len(counts) - 1 else ending
                folder = stay.enter_context(tempfile.TemporaryDirectory())
                site = Site(Path(folder), hosts, PORT + 10 * number)
                stay.callback(site.close)
                keys = measure(site)
                if smallest is None:
                    smallest = site
        if site is not smallest:
            growth(smallest, site)
        if FILL:
            fill(site, keys)


if __name__ == "__main__":
    main()
