"""Members of a server group that look for hosts at the same moment, in two processes."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pileus import placement
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


def test_the_first_two_members_of_an_affinity_group_never_part(fleet: Fleet) -> None:
    group = {"group": fleet.group("affinity")}
    servers = [fleet.boot(hints=group) for _ in range(2)]  # there is no host yet
    fleet.hosts("a", "b")
    both, found = threading.Barrier(2, timeout=30), dict[str, str]()

    def place(server_id: str, host: str) -> None:
        db, tries = Database(fleet.cloud.app.db.url), list[int]()
        scheduler = Scheduler(placement.Index(db), Settings())

        def work(tx: Tx) -> str:
            server = tx.get(Server, server_id)
            assert server is not None
            if not tries:  # each has begun, and sees nothing of the other
                both.wait()
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

    threads = [
        threading.Thread(target=place, args=pair) for pair in zip(servers, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    refused = [said for said in found.values() if "server group affinity left" in said]
    assert (len(found), len(refused)) == (2, 1), found
