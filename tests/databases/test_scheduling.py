"""Servers that look for hosts at the same moment, in two processes."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pileus import placement
from pileus.compute.driver import HostCell
from pileus.compute.numa.pinning import Pinning
from pileus.compute.scheduler import NoValidHost, Scheduler, Settings, wish_of
from pileus.compute.server import Server
from pileus.core.db import Database, Tx

from ..api.scheduler.fleet import Fleet
from ..postgresql import Server as Postgres


@pytest.fixture
def fleet(postgresql: Postgres, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path / "state", postgresql.new_database())
    yield made
    made.close()


def together(fleet: Fleet, wishes: dict[str, str]) -> dict[str, str]:
    """What became of each server that wants this host, all of them having begun before one ends."""
    begun, found = threading.Barrier(len(wishes), timeout=30), dict[str, str]()

    def place(server_id: str, host: str) -> None:
        db, tries = Database(fleet.cloud.app.db.url), list[int]()
        scheduler = Scheduler(placement.Index(db), Settings())

        def work(tx: Tx) -> str:
            server = tx.get(Server, server_id)
            assert server is not None
            if not tries:  # each sees nothing of the others
                begun.wait()
            tries.append(1)
            scheduler.place(tx, server, replace(wish_of(server), host=host))
            tx.change(server, host=host)
            return host

        try:
            found[server_id] = db.run(work)
        except NoValidHost as none:
            found[server_id] = str(none)
        finally:
            db.close()

    threads = [threading.Thread(target=place, args=pair) for pair in wishes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_the_first_two_members_of_an_affinity_group_never_part(fleet: Fleet) -> None:
    group = {"group": fleet.group("affinity")}
    servers = [fleet.boot(hints=group) for _ in range(2)]  # there is no host yet
    fleet.hosts("a", "b")

    found = together(fleet, dict(zip(servers, "ab", strict=True)))

    refused = [said for said in found.values() if "server group affinity left" in said]
    assert (len(found), len(refused)) == (2, 1), found


def test_no_two_servers_get_the_same_dedicated_processor(fleet: Fleet) -> None:
    flavor = fleet.flavor("pinned", {"hw:cpu_policy": "dedicated"}, vcpus=2)
    servers = [fleet.boot(flavor) for _ in range(3)]
    cells = (HostCell(0, tuple(range(8)), 16384, dedicated=(1, 2, 3, 4, 5)),)
    fleet.host("a", cells=cells)

    found = together(fleet, dict.fromkeys(servers, "a"))

    rows = fleet.cloud.app.db.read(lambda tx: tx.all(Pinning))
    pins = [host for row in rows for cell in row.cells for _, host in cell["pins"]]
    assert sorted(pins) == [1, 2, 3, 4], found
    assert sorted(found.values())[1:] == ["a", "a"]
