"""How long allocation candidates and claims take, over HTTP, with trees of seven providers.

    python bench/placement.py [HOSTS …]

The trees and the query are those of the nested gate job of OpenStack's placement. The rows are
written past the API, by this process; the server under test sees them as those of another. Client,
server and database are on the same cores. Each number of hosts is measured on PostgreSQL and on
SQLite.
"""

import concurrent.futures
import itertools
import os
import statistics
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import msgspec
from api import Cloud, line
from stands import counts, stands

from pileus import placement
from pileus.core.db import Database, Tx, chunks
from pileus.core.resource import schema
from pileus.placement.rows import Inventory, Provider, ProviderTrait, Trait

QUERY = (
    "/placement/allocation_candidates?resources=DISK_GB:10&required=COMPUTE_VOLUME_MULTI_ATTACH"
    "&resources1=VCPU:1,MEMORY_MB:256&required1=CUSTOM_FOO&resources2=FPGA:1&group_policy=none"
)
FLAT = {"VCPU": 64, "MEMORY_MB": 262_144, "DISK_GB": 2000}
SERVER = {"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 20}
CHOICES = int(os.environ.get("BENCH_CHOICES", "10000"))  # flat hosts to choose from
ROUNDS = 60
IDLE = 2.0  # seconds, after which the server may end a connection
FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size")
MOST = 2**31 - 1
NUMA0 = {"VCPU": (4, 2, 1, MOST, 1), "MEMORY_MB": (2048, 0, 512, MOST, 256)}
NUMA1 = {"VCPU": (4, 0, 1, MOST, 1), "MEMORY_MB": (2048, 0, 256, 1024, 1)}
# (name, parent, traits, {class: inventory}) of the seven providers of a host
TREE = (
    ("", None, ("COMPUTE_VOLUME_MULTI_ATTACH",), {"DISK_GB": (20480, 0, 1, MOST, 1)}),
    ("numa0", 0, ("HW_NUMA_ROOT",), NUMA0),
    ("numa1", 0, ("HW_NUMA_ROOT", "CUSTOM_FOO"), NUMA1),
    ("fpga0", 1, (), {"FPGA": (1, 0, 1, MOST, 1)}),
    ("pgpu0", 1, (), {"VGPU": (8, 0, 1, MOST, 1)}),
    ("fpga1_0", 2, (), {"FPGA": (1, 0, 1, MOST, 1)}),
    ("fpga1_1", 2, (), {"FPGA": (1, 0, 1, MOST, 1)}),
)


def fill(db: Database, hosts: range) -> None:
    """Make the trees of these hosts."""
    for some in chunks(hosts, 500):
        db.run(lambda tx, some=some: _fill(tx, some))


def _fill(tx: Tx, hosts: list[int]) -> None:
    if tx.get(Trait, "CUSTOM_FOO") is None:
        tx.add(Trait(name="CUSTOM_FOO"))
    providers, traits, stocks = [], [], []
    for host in hosts:
        ids = [str(uuid.uuid4()) for _ in TREE]
        for id, (name, above, names, stock) in zip(ids, TREE, strict=True):
            full = f"bench-{host:06d}-{name}"
            parent = None if above is None else ids[above]
            providers.append(Provider(id=id, name=full, parent_id=parent, root_id=ids[0]))
            traits += [ProviderTrait(provider_id=id, trait=one) for one in names]
            for kind, values in stock.items():
                given = dict(zip(FIELDS, values, strict=True))
                stocks.append(Inventory(provider_id=id, resource_class=kind, **given))
    for rows in (providers, traits, stocks):
        tx.add_all(rows)


class Client:
    """Asks the placement API; a connection a thread."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._local = threading.local()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and the bytes of the answer."""
        now = time.monotonic()
        if now - getattr(self._local, "used", 0.0) > IDLE:
            self._local.connection = HTTPConnection("127.0.0.1", self.cloud.port, 120)
        connection = self._local.connection
        headers = {"X-Auth-Token": self.cloud.token, "OpenStack-API-Version": "placement 1.39"}
        data = None if body is None else msgspec.json.encode(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        self._local.used = time.monotonic()
        return found

    def found(self, limit: int = 0) -> bytes:
        """The answer to the query."""
        status, data = self.ask("GET", QUERY + (f"&limit={limit}" if limit else ""))
        assert status == 200, data
        return data


def median(work: Callable[[], object], times: int) -> float:
    """Median seconds."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def at_once(work: Callable[[], object], workers: int, times: int) -> tuple[float, int]:
    """Calls per second of `times` calls by so many threads, and how many failed."""
    failed = itertools.count()

    def one(_number: int) -> None:
        try:
            work()
        except Exception:
            next(failed)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        begun = time.perf_counter()
        list(pool.map(one, range(times)))
        return times / (time.perf_counter() - begun), next(failed)


class Claims:
    """Claims of candidates: each of another tree than the one before."""

    def __init__(self, client: Client) -> None:
        self.client = client
        every = msgspec.json.decode(client.found())["allocation_requests"]
        seen: dict[str, dict[str, object]] = {}
        for one in every:
            seen.setdefault(next(iter(one["allocations"])), one)
        self._left = iter(list(seen.values()))
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Take the next one."""
        with self._lock:
            one = next(self._left)
        owner = {"project_id": "bench", "user_id": "bench", "consumer_type": "TEST"}
        body = {**one, **owner, "consumer_generation": None}
        status, data = self.client.ask("PUT", f"/placement/allocations/{uuid.uuid4()}", body)
        assert status == 204, data


def measure(cloud: Cloud, hosts: int) -> None:
    """Everything of one cloud that has so many hosts."""
    client = Client(cloud)

    def serial(what: str, work: Callable[[], object], bound: str) -> None:
        ran = cloud.cpu()
        taken = median(work, ROUNDS) * 1000
        ran = (cloud.cpu() - ran) / ROUNDS * 1000
        line(f"  {what}", f"{taken:.2f} ms, {ran:.1f} ms of CPU", bound)

    begun = time.perf_counter()
    size = len(client.found())
    line("  first, which loads the index", f"{(time.perf_counter() - begun) * 1000:.0f} ms")
    small = len(client.found(1000))
    serial("nothing: the versions", lambda: client.ask("GET", "/placement/"), "")
    serial(f"limit=1000, {small / 1e6:.2f} MB", lambda: client.found(1000), "upstream 550 ms")
    serial(f"without limit, {size / 1e6:.2f} MB", client.found, "upstream 650–730 ms")
    for workers in (10, 150, 500):
        rate, failed = at_once(lambda: client.found(1000), workers, max(300, 2 * workers))
        line(f"  limit=1000, {workers} at once", f"{rate:.0f}/s", f"{failed} failed")
        if hosts <= 1000:  # the answer of 10,000 hosts has 28 MB
            rate, failed = at_once(client.found, workers, max(100, workers))
            line(f"  without limit, {workers} at once", f"{rate:.0f}/s", f"{failed} failed")
    line("    upstream, 10 at once", "2.5/s")
    claims = Claims(client)
    serial("a write of 4 kB to the disk", lambda: sync(cloud.folder), "")
    serial("claim", claims, "upstream 36 ms, 28/s")
    rate, failed = at_once(claims, 10, min(400, hosts // 2))
    line("  claims, 10 at once", f"{rate:.0f}/s, {failed} failed", "upstream 48/s")

    def both() -> None:
        claims()
        client.found(1000)

    serial("claim, then limit=1000", both, "")


def sync(folder: Path) -> None:
    """Write and wait for the disk, as a commit does."""
    with (folder / "sync").open("wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fdatasync(file.fileno())


def memory(db: Database, hosts: int) -> None:
    """What the index takes, loaded here."""
    index = placement.Index(db)
    db.read(lambda tx: next(index.fitting(tx, {"DISK_GB": 1}, "DISK_GB")))
    index.changed()
    tracemalloc.start()
    db.read(lambda tx: next(index.fitting(tx, {"DISK_GB": 1}, "DISK_GB")))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    line("  index", f"{held / 1e6:.1f} MB", f"{held / hosts / len(TREE):.0f} bytes a provider")


def choosing(db: Database) -> None:
    """Placement's part of scheduling a server: choose of flat hosts and claim, one transaction."""
    stock = {name: placement.Inventory(size) for name, size in FLAT.items()}
    for some in chunks(range(CHOICES), 500):
        db.run(lambda tx, some=some: [_flat(tx, number, stock) for number in some])
    index = placement.Index(db)

    def one() -> None:
        consumer = str(uuid.uuid4())

        def work(tx: Tx) -> None:
            host = next(index.fitting(tx, SERVER, "MEMORY_MB"))
            placement.claim(tx, consumer, "bench", "bench", host, SERVER)

        db.run(work, kind="bench")

    one()
    line("  chosen and claimed", f"{1 / median(one, 200):.0f}/s")
    rate, failed = at_once(one, 10, 1000)
    line("  10 at once", f"{rate:.0f}/s", f"{failed} failed")


def _flat(tx: Tx, number: int, stock: dict[str, placement.Inventory]) -> None:
    placement.provider_put(tx, str(uuid.uuid4()), f"flat-{number:05d}", stock, ["COMPUTE_NODE"])


def main() -> None:
    """Measure each number of hosts on both databases."""
    for stand in stands():
        for hosts in stand.grown(counts(), fill):
            print(f"{hosts} hosts, {hosts * len(TREE)} providers, {stand.name}", flush=True)
            measure(stand.cloud, hosts)
            memory(stand.db, hosts)
        stand.cloud.down()
        flat = stand.another()
        schema.create_all(flat.engine)
        print(f"{CHOICES} flat hosts, {stand.name}, in this process", flush=True)
        choosing(flat)


if __name__ == "__main__":
    main()
