"""How long placement takes: candidates over many hosts, claims and releases, on SQLite.

python bench/placement.py [hosts]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pileus import placement
from pileus.core.db import Database, Tx
from pileus.core.resource import schema
from pileus.placement import Inventory
from pileus.placement.picture import Picture
from pileus.placement.query import Asked
from pileus.placement.search import Wish, search

STOCK = {
    "VCPU": Inventory(16, allocation_ratio=4.0),
    "MEMORY_MB": Inventory(65536, 512),
    "DISK_GB": Inventory(1000),
}
WISH = {"VCPU": 2, "MEMORY_MB": 512, "DISK_GB": 5}


def median(work: Callable[[int], object], times: int) -> tuple[float, float]:
    """Median wall and mean CPU time of one run, in ms."""
    walls = []
    cpu = time.process_time()
    for i in range(times):
        start = time.perf_counter()
        work(i)
        walls.append(time.perf_counter() - start)
    return statistics.median(walls) * 1000, (time.process_time() - cpu) / times * 1000


def fill(tx: Tx, hosts: int) -> None:
    """Make the hosts."""
    for i in range(hosts):
        id = f"00000000-0000-4000-8000-{i:012d}"
        placement.provider_put(tx, id, f"host-{i:05d}", STOCK, ["COMPUTE_NODE"])


def main() -> None:
    """Measure and print."""
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        schema.create_all(db.engine)
        db.run(lambda tx: fill(tx, hosts))
        found, _ = db.read(lambda tx: placement.candidates(tx, WISH))
        ids = [c.provider_id for c in found]
        rows = {
            "candidates, all": lambda _i: db.read(lambda tx: placement.candidates(tx, WISH)),
            "candidates, by trait": lambda _i: db.read(
                lambda tx: placement.candidates(tx, WISH, required=["COMPUTE_NODE"])
            ),
            "allocation_candidates": lambda _i: db.read(
                lambda tx: search(Picture(tx), Wish({"": Asked(WISH)}))
            ),
            "claim": lambda i: db.run(
                lambda tx: placement.claim(tx, f"c{i}", "p", "u", ids[i % len(ids)], WISH)
            ),
            "release": lambda i: db.run(lambda tx: placement.release(tx, f"c{i}")),
        }
        print(f"{hosts} hosts, SQLite in {folder}")
        for name, work in rows.items():
            wall, cpu = median(work, 200 if name in ("claim", "release") else 20)
            print(f"{name:24} {wall:8.2f} ms median {cpu:8.2f} ms CPU")
        db.close()


if __name__ == "__main__":
    main()
