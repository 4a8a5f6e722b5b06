"""What a host's whole tree can give: against the search of the API, and against each other."""

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pileus import placement
from pileus.core.audit import audit
from pileus.core.db import Database, Tx
from pileus.core.parts import Parts
from pileus.core.resource import schema
from pileus.placement import Group, Inventory, NoCapacity, Request, tree
from pileus.placement.rows import Provider
from pileus.placement.search import search

from .draws import CLASSES, TRAITS, Draws, some

WORLDS, REQUESTS = 25, 8
_ROOM = {"VCPU": 1, "MEMORY_MB": 64}


@pytest.fixture
def db(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[Database]:
    made = Database(new_database() or f"sqlite:///{tmp_path}/tree.db")
    schema.create_all(made.engine)
    yield made
    made.close()


def wish_of(draw: random.Random) -> Request:
    """A request as flavors make them: some groups equal, some with traits, some isolated."""
    groups = {}
    if draw.random() < 0.7:
        own = {name: draw.randint(1, 4) for name in sorted(some(draw, CLASSES, 0.4))}
        required = tuple(frozenset({name}) for name in sorted(some(draw, TRAITS, 0.15)))
        groups[""] = Group(own, required if own else ())
    kinds = []
    for _ in range(draw.randint(1, 2)):
        resources = {draw.choice(CLASSES): draw.randint(1, 4)}
        required = tuple(frozenset({name}) for name in sorted(some(draw, TRAITS, 0.2)))
        kinds.append(Group(resources, required, frozenset(some(draw, TRAITS, 0.1))))
    for number in range(draw.randint(1, 4)):
        groups[str(number)] = draw.choice(kinds)
    return Request(groups, isolate=draw.random() < 0.4, alone=True)


def test_a_tree_gives_what_the_search_finds_in_it(tmp_path: Path) -> None:
    found = 0
    for number in range(WORLDS):
        db = Database(f"sqlite:///{tmp_path}/{number}.db")
        schema.create_all(db.engine)
        draws = Draws(f"tree/{number}")
        db.run(draws.names)
        db.run(draws.world)
        for _ in range(REQUESTS):
            found += db.run(lambda tx, d=draws: _compare(tx, wish_of(d.draw)))
        db.close()
    assert found > WORLDS * REQUESTS // 10


def _compare(tx: Tx, wish: Request) -> int:
    roots = [row.id for row in tx.all(Provider) if row.parent_id is None]
    columns = tree._columns(tree._read(tx, roots))
    _, steps = tree.narrowed(columns, wish)
    able = set()
    for root in roots:
        own = tree._columns(tree._read(tx, [root]))
        every = search(own, replace(wish, alone=False))
        way = placement.way(tx, root, wish)
        assert (way is not None) == bool(every.shape[1]), wish
        if way is not None:
            able.add(root)
            placement.claim_tree(tx, "c", "p", "u", root, way)  # it can be had
            placement.release(tx, "c", root)
    assert steps[-1].left == able, wish
    return len(able)


def test_claimers_at_once_never_get_the_same_device(db: Database) -> None:
    _host(db, devices=12)
    wish = Request({"": Group(_ROOM), "a": Group({"FPGA": 1}), "b": Group({"FPGA": 1})}, alone=True)
    granted: list[str] = []

    def worker(number: int) -> None:
        for turn in range(3):
            consumer = f"c{number}-{turn}"
            try:
                db.run(lambda tx, c=consumer: _take(tx, c, wish))
                granted.append(consumer)
            except NoCapacity:
                pass

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 6
    held = [db.read(lambda tx, c=c: placement.holdings(tx, c)) for c in granted]
    devices = [id for one in held for id in one if id != "host"]
    assert sorted(devices) == sorted(f"device-{number}" for number in range(12))
    assert db.read(lambda tx: audit(placement.INVARIANTS, Parts(), tx)) == []


def test_as_many_fit_as_there_are_devices_for(db: Database) -> None:
    _host(db, devices=7)
    wish = Request({"": Group(_ROOM), "a": Group({"FPGA": 1}), "b": Group({"FPGA": 1})}, alone=True)

    found = db.read(lambda tx: placement.times(tx, ["host"], wish))

    assert found == {"host": (3, "FPGA")}


def test_a_root_gives_the_rest_of_what_those_below_it_give(db: Database) -> None:
    _host(db, devices=2)
    wish = Request({"": Group(_ROOM), "a": Group({"FPGA": 1})}, alone=True)
    db.run(lambda tx: _take(tx, "c", wish))

    db.run(lambda tx: placement.claim(tx, "c", "p", "u", "host", {"VCPU": 3, "FPGA": 1}))

    held = db.read(lambda tx: placement.holdings(tx, "c"))
    assert held == {"host": {"VCPU": 3}, "device-0": {"FPGA": 1}}
    with pytest.raises(NoCapacity, match="give more FPGA than is wanted"):
        db.run(lambda tx: placement.claim(tx, "c", "p", "u", "host", {"VCPU": 3}))


def _take(tx: Tx, consumer: str, wish: Request) -> None:
    shares = placement.way(tx, "host", wish)
    if shares is None:
        raise NoCapacity("none is left")
    placement.claim_tree(tx, consumer, "p", "u", "host", shares)


def _host(db: Database, devices: int) -> None:
    def work(tx: Tx) -> None:
        stock = {"VCPU": Inventory(100), "MEMORY_MB": Inventory(10_000)}
        placement.provider_put(tx, "host", "host", stock, ())
        for number in range(devices):
            one = {"FPGA": Inventory(1)}
            id = f"device-{number}"
            placement.provider_put(tx, id, id, one, (), parent_id="host")

    db.run(work)
