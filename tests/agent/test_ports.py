"""Ports that other hosts of a simulated cloud have plugged, as their reports tell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pileus.core import desired
from pileus.core.clock import ManualClock
from pileus.core.db import Database
from pileus.core.desired import Desired, Report
from pileus.core.ids import Ids
from pileus.core.resource import schema
from pileus.fleet import Fleet
from pileus.network.driver import Change, Switch, SwitchPort
from pileus.network.drivers.simulated import SimulatedNetwork


class Ground:
    """A database, a simulated network, and a process's view of the hosts' reports."""

    def __init__(self, url: str) -> None:
        self.clock = ManualClock()
        self.db = Database(url, self.clock, Ids(7))
        self.other = Database(url, self.clock, Ids(8))  # that of another process
        schema.create_all(self.db.engine)
        self.network = SimulatedNetwork()
        self.network.apply([Change(("switch", "n"), 1, Switch("n", "n", 1442))])
        self.fleet = Fleet(self.db, self.network, "own")
        self.fleet.loop()  # it hears of reports from now on
        self.fleet.work()

    def report(
        self, host: str, guest: str, db: Database | None = None, generation: int = 1
    ) -> None:
        """A host reports on its guest, to this process or to another."""
        spec = {"nics": [{"port_id": f"port of {guest}"}], "generation": generation}
        port = SwitchPort(f"port of {guest}", "n", "guest", "fa:16:3e:00:00:01", ())
        self.network.apply([Change(("port", port.id), 1, port)])
        told = db or self.db
        revision = told.run(lambda tx: desired.put(tx, host, "guest", guest, spec))
        found = Report("guest", guest, revision, {"power": "on"})
        told.run(lambda tx: desired.accept(tx, host, found))

    def up(self) -> dict[str, str]:
        """Guest → the host on which its port is up."""
        return {port[8:]: host for port, host in self.network.ports_up().items()}


@pytest.fixture
def ground(tmp_path: Path, new_database: Callable[[], str]) -> Iterator[Ground]:
    made = Ground(new_database() or f"sqlite:///{tmp_path / 'ports.db'}")
    yield made
    made.other.close()
    made.db.close()


def test_what_this_process_was_told_is_plugged_at_once(ground: Ground) -> None:
    ground.report("a", "g1")
    ground.report("b", "g2")

    ground.fleet.work()

    assert ground.up() == {"g1": "a", "g2": "b"}


def test_what_another_process_was_told_is_plugged_within_a_second(ground: Ground) -> None:
    ground.report("a", "g1", ground.other)

    ground.fleet.work()
    before = ground.up()
    ground.clock.advance(1.0)
    ground.fleet.work()

    assert (before, ground.up()) == ({}, {"g1": "a"})


@pytest.mark.parametrize(("source", "target"), [("a", "b"), ("b", "a")])
def test_a_guest_that_moves_has_its_ports_at_the_host_that_took_it_over(
    ground: Ground, source: str, target: str
) -> None:
    ground.report(source, "g1", generation=1)
    ground.fleet.work()
    ground.report(target, "g1", generation=2)  # the first host has not yet said that it is gone

    ground.fleet.work()

    assert ground.up() == {"g1": target}


def test_a_guest_without_a_row_is_unplugged_at_the_next_look_at_everything(ground: Ground) -> None:
    ground.report("a", "g1")
    ground.fleet.work()
    ground.db.run(lambda tx: tx.remove_where(Desired, id="g1"))

    ground.clock.advance(300.0)
    ground.fleet.work()

    assert ground.up() == {}


def test_this_processs_own_host_plugs_for_itself(ground: Ground) -> None:
    ground.report("own", "g1")

    ground.fleet.work()

    assert ground.up() == {}


def test_a_look_by_time_does_not_read_every_guest(ground: Ground) -> None:
    if not ground.db.sqlite:
        pytest.skip("the plan is SQLite's")
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, text: str, values: object, *_: object) -> None:
        asked.append((text, values))

    ground.clock.advance(1.0)
    sa.event.listen(ground.db.engine, "before_cursor_execute", note)
    ground.fleet.work()
    sa.event.remove(ground.db.engine, "before_cursor_execute", note)

    text, values = next(one for one in asked if "reported_at >" in one[0])
    with ground.db.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
    assert "ix_desired_reported_at" in str(plan)
