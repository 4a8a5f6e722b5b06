"""Processes that claim at the same time, each with an index of its own, until nothing is left."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus import app, placement
from pileus.core.audit import audit
from pileus.core.db import Database, Tx
from pileus.core.parts import Parts
from pileus.placement import Inventory
from pileus.placement.rows import Allocation, Provider
from pileus.placement.rows import Inventory as Stock

from ..postgresql import Server

HOSTS, DISK, CORES = 5, 24, 8
WAYS = ("candidates", "candidates", "candidates", "hosts")


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'claims.db'}"
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.new_database()
    made = Database(url)
    app.schema.create_all(made.engine)
    yield made
    made.close()


def _host(tx: Tx, number: int) -> None:
    root = f"00000000-0000-4000-8000-{number:012d}"
    placement.provider_put(tx, root, f"host-{number}", {"DISK_GB": Inventory(DISK)}, ())
    for node in (1, 2):
        id = f"00000000-0000-4000-800{node}-{number:012d}"
        tx.add(Provider(id=id, name=f"host-{number}-{node}", parent_id=root, root_id=root))
        tx.add(Stock(provider_id=id, resource_class="VCPU", total=CORES, max_unit=1))


def _start(url: str, number: int, way: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "tests.databases.claimer", url, str(number), way]
    root = Path(__file__).parents[2]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root)


def _held(tx: Tx) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for row in tx.all(Allocation):
        mine = found.setdefault(row.consumer_id, {}).setdefault(row.provider_id, {})
        mine[row.resource_class] = row.used
    return found


def test_claimers_exceed_nothing_lose_nothing_and_leave_nothing(db: Database) -> None:
    for number in range(HOSTS):
        db.run(lambda tx, number=number: _host(tx, number))
    url = db.engine.url.render_as_string(hide_password=False)
    doomed = _start(url, 99, "candidates")
    others = [_start(url, number, way) for number, way in enumerate(WAYS)]

    assert doomed.stdout is not None
    early = [doomed.stdout.readline() for _ in range(3)]
    doomed.kill()
    early += doomed.stdout.readlines()
    told = [line for one in others for line in one.communicate(timeout=100)[0].splitlines()]

    assert [one.returncode for one in others] == [0] * len(others)
    held = db.read(_held)
    acknowledged = [json.loads(line) for line in [*early, *told] if line.endswith(("]", "]\n"))]
    assert len(acknowledged) > HOSTS * 4
    for consumer, shares in acknowledged:
        assert held[consumer] == shares
    # The killed one may have been committed and not have told of it.
    assert len(held) - len(acknowledged) in (0, 1)
    used = Counter[tuple[str, str]]()
    for shares in held.values():
        for provider, amounts in shares.items():
            for name, amount in amounts.items():
                used[provider, name] += amount
    for row in db.read(lambda tx: tx.all(Stock)):
        assert row.used == used[row.provider_id, row.resource_class] <= row.total
        assert row.resource_class != "DISK_GB" or row.used == DISK
    assert db.read(lambda tx: audit(placement.INVARIANTS, Parts(), tx)) == []
