"""How long an audit takes with many servers: `python bench/audit.py`, BENCH_SERVERS=10000.

The rows are copies of one real server's, with its port, address, allocation, wish, record and mark
in the data plane; the simulated host has a guest for each.
"""

import json
import os
import sqlite3
import statistics
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path

from api import Cloud, Servers

from pileus import settings
from pileus.app import INVARIANTS, build
from pileus.core.audit import audit

SERVERS = int(os.environ.get("BENCH_SERVERS", "10000"))
_PORT = 18471
# Every table that has rows of a server, and the columns that must differ in each copy.
_TABLES = {
    "servers": {"id": "server"},
    "instance_actions": {"server_id": "server"},
    "placement_consumers": {"id": "server"},
    "placement_allocations": {"consumer_id": "server"},
    "ports": {"id": "port", "device_id": "server", "mac_address": "mac"},
    "port_addresses": {"port_id": "port", "ip": "ip", "offset": "number"},
    "port_groups": {"port_id": "port"},
    "topology_changes": {"id": "port"},
    "desired": {"id": "server", "revision": "number", "observed": "number"},
}


def prepare(state: Path) -> None:
    """A cloud that has been up, with one server, and is down again."""
    cloud = Cloud(state.parent, _PORT)
    try:
        Servers(cloud).create(0)
    finally:
        cloud.down()


def multiply(state: Path) -> None:
    """Copy all of the server's rows, and its guest."""
    raw = sqlite3.connect(state / "pileus.db")
    raw.execute("delete from port_addresses where ip like '%:%'")
    server, port = raw.execute(
        "select s.id, p.id from servers s join ports p on p.device_id = s.id"
        " where s.deleted_at is null"
    ).fetchone()
    template = {"server": server, "port": port}
    copies = [
        {
            "server": str(uuid.uuid4()),
            "port": str(uuid.uuid4()),
            "mac": f"fa:17:00:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}",
            "ip": f"10.1.{n >> 8}.{n & 255}",
            "number": 1000 + n,
        }
        for n in range(SERVERS)
    ]
    for table, differing in _TABLES.items():
        key = next(c for c, what in differing.items() if what in template)
        cursor = raw.execute(f"select * from {table} where {key} = ? ", (template[differing[key]],))
        columns = [one[0] for one in cursor.description]
        marks = ", ".join("?" * len(columns))
        for row in cursor.fetchall():
            named = dict(zip(columns, row, strict=True))
            values = [
                [copy[differing[c]] if c in differing else v for c, v in named.items()]
                for copy in copies
            ]
            quoted = ", ".join(f'"{c}"' for c in columns)
            raw.executemany(f"insert into {table} ({quoted}) values ({marks})", values)
    raw.execute(
        "update placement_inventories set used = (select sum(used) from placement_allocations a"
        " where a.provider_id = placement_inventories.provider_id"
        " and a.resource_class = placement_inventories.resource_class),"
        " total = 1000000000 where 1"
    )
    raw.commit()
    raw.close()
    file = state / "simulated-guests.jsonl"
    guest = next(g for g in map(json.loads, file.read_text().splitlines()) if g["id"] == server)
    with file.open("a") as out:
        out.writelines(json.dumps(guest | {"id": copy["server"]}) + "\n" for copy in copies)


def main() -> None:
    """Print the seconds of each invariant and of the whole."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        prepare(state)
        multiply(state)
        app = build(settings.load(state))
        plug(app)
        network = next(loop for loop in app.loops if loop.name == "network.topology")
        network.work()
        network.work()
        size = (state / "pileus.db").stat().st_size >> 20
        print(f"{SERVERS} servers, a database of {size} MB")
        total = 0.0
        for one in INVARIANTS:
            times, found = [], []
            for _ in range(3):
                begun = time.perf_counter()
                found = app.db.read(partial(audit, [one], app.parts))
                times.append(time.perf_counter() - begun)
            median = statistics.median(times)
            total += median
            print(f"{median * 1000:8.1f} ms {len(found):5} {one.id:20}{one.sentence}")
            for wrong in found[:2]:
                print(f"           {wrong.detail}")
        print(f"{total * 1000:8.1f} ms in all")
        app.let_go()


def plug(app: object) -> None:
    """The simulated taps live in memory: every port's is plugged again."""
    host = app.machine.host_network
    for (port,) in app.db.read(
        lambda tx: tx.conn.exec_driver_sql(
            "select id from ports where device_owner like 'compute:%'"
        ).fetchall()
    ):
        host.plug(port, f"tap{port[:11]}", "", 1442)


if __name__ == "__main__":
    main()
