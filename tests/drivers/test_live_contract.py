"""What drivers promise of guests that go on at another host while they run.

The real driver's part runs with PILEUS_HOSTS=full (`make hosts`).
"""

import ctypes
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pileus.agent.moves import Moves
from pileus.compute.driver import ComputeDriver, Disk, GoesOnHere, GuestSpec, HandOver, Landing
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.core.backend import Broken, Busy, Refused

_NEW_NAME = 0x04000000  # CLONE_NEWUTS
_LIBVIRT = pytest.param(
    "libvirt",
    marks=[
        pytest.mark.real,
        pytest.mark.skipif(
            os.environ.get("PILEUS_HOSTS") != "full", reason="takes minutes: `make hosts` runs it"
        ),
    ],
)


@dataclass
class Images:
    """The files of a folder."""

    folder: Path

    def path(self, image_id: str) -> tuple[Path, str]:
        return self.folder / image_id, "raw"


@dataclass
class Host:
    """One of two hosts: its driver, and its agent's moves."""

    driver: Any
    hand_over: HandOver
    moves: Moves
    instances: Path
    daemon: Any = None

    def again(self) -> None:
        """The agent's process dies, and another one starts."""
        self.moves.close()
        self.moves = Moves(self.driver, lambda: "127.0.0.1", self.hand_over)

    def power(self, guest: str) -> str:
        found: ComputeDriver = self.driver
        return next((one.power for one in found.observe() if one.id == guest), "absent")


@dataclass
class Pair:
    """A guest's two hosts."""

    first: Host
    second: Host
    spec: GuestSpec
    move: str

    @property
    def there(self) -> GuestSpec:
        """The guest as the second host is asked for it."""
        return replace(self.spec, generation=self.spec.generation + 1)

    def offer(self) -> dict[str, Any]:
        """Offer the guest; what the second host is told."""
        secret = "secret"
        told = self.first.moves.offer(self.spec.id, secret, self.spec.generation)
        return {**told, "move": self.move, "secret": secret, "live": True}

    def powers(self) -> tuple[str, str]:
        return self.first.power(self.spec.id), self.second.power(self.spec.id)


def _under(name: str, work: Callable[[], object]) -> None:
    """Do it under another host name: libvirt migrates from host to host only."""

    def go() -> None:
        assert ctypes.CDLL(None).unshare(_NEW_NAME) == 0
        socket.sethostname(name)
        work()

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()


def _simulated(home: Path, name: str) -> Host:
    driver = SimulatedCompute(name, Images(home), file=home / name)
    return Host(driver, driver, Moves(driver, lambda: "127.0.0.1", driver), home / "none")


def _real(home: Path, name: str) -> Host:
    from pileus.compute.drivers.libvirt import LibvirtCompute
    from pileus.host.libvirtd import Libvirtd

    daemon = Libvirtd(home / name / "state")
    (home / name).mkdir()
    _under(name, daemon.start)
    instances = home / name / "instances"
    driver = LibvirtCompute(daemon.uri, instances, Images(home), "tcg", True, name, grace=0)
    moves = Moves(driver, lambda: "127.0.0.1", driver.live)
    return Host(driver, driver.live, moves, instances, daemon)


@pytest.fixture(params=["simulated", _LIBVIRT])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    home = Path(tempfile.mkdtemp(prefix="pl"))
    (home / "blank").write_bytes(bytes(1 << 20))
    make = _simulated if request.param == "simulated" else _real
    hosts = [make(home, name) for name in ("one", "two")]
    spec = GuestSpec(
        str(uuid.uuid4()), "one", 1, 1, 64, (Disk("disk", 1, "blank"), Disk("disk.eph0", 1)), (),
        config_drive={"openstack/latest/meta_data.json": "{}"},
    )  # fmt: skip
    hosts[0].driver.ensure(spec)
    yield Pair(hosts[0], hosts[1], spec, str(uuid.uuid4()))
    for host in hosts:
        host.moves.close()
        host.driver.remove(spec.id)
        assert host.driver.observe() == []
        if host.daemon is not None:
            assert not list(host.instances.glob("*"))
            assert not list(host.daemon.socket.parent.glob("l*s-*"))
            host.daemon.kill_guests()
            host.daemon.uninstall()
    shutil.rmtree(home)


def test_a_guest_goes_on_elsewhere(pair: Pair) -> None:
    first, second, spec = pair.first, pair.second, pair.spec

    second.moves.fetch(pair.there, pair.offer())

    # The second one waits for its wish, and the first one never runs it again for the old one.
    assert pair.powers()[1] in ("paused", "shutoff")
    assert first.driver.ensure(spec).power == "shutoff"
    assert first.hand_over.handed(spec.id, spec.generation)
    assert second.driver.ensure(pair.there).power == "running"
    assert pair.powers() == ("shutoff", "running")
    second.moves.fetch(pair.there, pair.offer())  # it is here
    assert second.driver.ensure(pair.there).power == "running"
    first.driver.remove(spec.id)


def test_a_newer_generation_runs_again_where_it_was(pair: Pair) -> None:
    pair.second.moves.fetch(pair.there, pair.offer())
    pair.second.driver.remove(pair.spec.id)

    back = pair.first.driver.ensure(replace(pair.spec, generation=3))

    assert (back.power, back.generation) == ("running", 3)
    assert not pair.first.hand_over.handed(pair.spec.id, 3)


def test_one_that_is_not_offered_is_not_given(pair: Pair) -> None:
    origin = pair.offer()

    with pytest.raises(Broken):
        pair.second.moves.fetch(pair.there, origin | {"secret": "other"})
    pair.first.moves.withdraw(pair.spec.id)
    with pytest.raises(Broken):
        pair.second.moves.fetch(pair.there, origin)

    assert pair.powers() == ("running", "absent")


def test_an_older_generation_is_not_handed_over(pair: Pair) -> None:
    origin = pair.offer()
    pair.first.driver.ensure(replace(pair.spec, generation=2))

    with pytest.raises(Broken, match="generation 1"):
        pair.second.moves.fetch(pair.there, origin)

    assert pair.powers() == ("running", "absent")


def test_one_that_came_whole_goes_on_though_the_word_of_it_was_lost(pair: Pair) -> None:
    def lost(_: str) -> None:
        raise OSError("the cable was cut")

    pair.first.moves.parted = lost
    # A guest that may be all that there is of it is never given up.
    whole = Broken if isinstance(pair.first.driver, SimulatedCompute) else Busy
    with pytest.raises(whole):
        pair.second.moves.fetch(pair.there, pair.offer())
    assert "running" not in pair.powers()
    pair.first.moves.close()
    with pytest.raises(whole):
        pair.second.moves.fetch(pair.there, pair.offer() | {"address": "127.0.0.1:1"})

    pair.first.again()
    pair.second.again()
    assert pair.first.driver.ensure(pair.spec).power == "shutoff"
    pair.second.moves.fetch(pair.there, pair.offer())

    assert pair.second.driver.ensure(pair.there).power == "running"
    assert pair.powers() == ("shutoff", "running")


class Cable:
    """Joins the two drivers without agents, until it is cut at a word of the two libvirtds."""

    def __init__(self, pair: Pair, word: int = 0, late: bool = False) -> None:
        """word: the procedure at which it is cut; late: at the answer, when it was carried out."""
        self._pair, self._word, self._late = pair, word, late
        self._ends: list[socket.socket] = []

    def land(self) -> None:
        """One try to take the guest over."""
        first, spec = self._pair.first.driver, self._pair.spec

        def fetch(names: Any) -> Iterator[Any]:
            for name in names:
                with first.read(spec.id, name) as pieces:
                    yield name, pieces

        def resume(landed: bool, connect: Callable[[str], socket.socket]) -> None:
            def carry(goal: str, near: socket.socket) -> None:
                far = connect(goal)
                self._ends += [near, far]
                for one, other, answer in ((near, far, False), (far, near, True)):
                    words = goal == "rpc" and answer == self._late
                    threading.Thread(target=self._pass, args=(one, other, words)).start()

            first.live.hand_over(spec.id, spec.generation, landed, carry)

        files, told = first.leaving(spec.id, live=True), first.live.definition(spec.id)
        landing = Landing(self._pair.move, files, told, fetch, resume)
        self._pair.second.driver.live.land(self._pair.there, landing)

    def _pass(self, source: socket.socket, goal: socket.socket, words: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 20):
                if words and int.from_bytes(data[12:16]) == self._word:
                    break
                goal.sendall(data)
        for end in self._ends if words and self._word else (source, goal):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


real = pytest.mark.parametrize("pair", [_LIBVIRT], indirect=True)


@real
@pytest.mark.parametrize("word", [303, 306])
def test_a_cable_that_is_cut_before_libvirts_word_leaves_the_guest_where_it_was(
    pair: Pair, word: int
) -> None:
    with pytest.raises((Busy, Broken)):
        Cable(pair, word).land()

    assert pair.powers() == ("running", "absent")
    Cable(pair).land()
    assert pair.second.driver.ensure(pair.there).power == "running"
    assert pair.powers() == ("shutoff", "running")


@real
def test_what_has_come_is_thrown_away_when_the_guest_goes_on_where_it_was(pair: Pair) -> None:
    """libvirt at the first host does not hear that the guest has come, and lets its own run."""
    with pytest.raises((Busy, Broken)):
        Cable(pair, 306, late=True).land()
    assert pair.powers() == ("running", "paused")
    with pytest.raises(Refused, match="on its way"):
        pair.second.driver.ensure(pair.there)

    with pytest.raises(GoesOnHere):
        Cable(pair).land()
    assert pair.powers() == ("running", "absent")

    Cable(pair).land()
    assert pair.second.driver.ensure(pair.there).power == "running"
    assert pair.powers() == ("shutoff", "running")


@real
def test_what_has_come_is_thrown_away_when_the_guest_went_on_and_died_where_it_was(
    pair: Pair,
) -> None:
    """What it has written since is on the first host's disks only."""
    from pileus.compute.drivers.marked import mark_of, write_mark

    with pytest.raises((Busy, Broken)):
        Cable(pair, 306, late=True).land()
    domain = pair.first.driver._connection.lookup(pair.spec.id)
    write_mark(domain, replace(mark_of(domain), leaving=1))  # as if the agent had died by then
    domain.destroy()

    with pytest.raises(GoesOnHere):
        Cable(pair).land()

    assert pair.powers() == ("shutoff", "absent")
    assert pair.first.driver.ensure(replace(pair.spec, generation=3)).power == "running"


@real
def test_one_that_is_called_back_goes_on(pair: Pair) -> None:
    origin, live = pair.offer(), pair.first.driver.live
    problems: list[Exception] = []

    def fetch() -> None:
        try:
            pair.second.moves.fetch(pair.there, origin)
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=fetch)
    thread.start()
    while live.leaving(pair.spec.id) is None:
        time.sleep(0.01)
    pair.first.moves.withdraw(pair.spec.id)
    thread.join()

    assert [type(one) for one in problems] == [Broken]
    assert pair.powers() == ("running", "absent")
    assert pair.first.driver.ensure(pair.spec).power == "running"
