"""What the simulated network can do beyond the contract: fail and lag when told, and be quick."""

import time
from pathlib import Path

import pytest

from pileus.core.backend import Busy
from pileus.network.driver import Change, Switch, SwitchPort
from pileus.network.drivers.journal import Journal
from pileus.network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

SWITCH = Switch("n", "n", 1500)


def test_it_fails_once_when_told_and_does_nothing_then() -> None:
    network = SimulatedNetwork()
    network.fail_next("apply", Busy("later"))
    with pytest.raises(Busy):
        network.apply([Change(("switch", "n"), 1, SWITCH)])
    assert network.revisions() == {}
    network.apply([Change(("switch", "n"), 1, SWITCH)])
    assert network.revisions() == {("switch", "n"): 1}


def test_it_lags_when_told() -> None:
    slept: list[float] = []
    host = SimulatedHostNetwork("h", SimulatedNetwork(), lambda *_: (200, "", b""), slept.append)
    host.lag("plug", 2.5)
    host.plug("p", "tap0", "fa:16:3e:00:00:01", 1500)
    assert slept == [2.5]


def test_unplugging_leaves_a_port_that_another_host_has_plugged() -> None:
    network = SimulatedNetwork()
    first, second = (
        SimulatedHostNetwork(name, network, lambda *_: (200, "", b"")) for name in ("h1", "h2")
    )
    port = SwitchPort("p", "n", "guest", "fa:16:3e:00:00:01", ())
    network.apply([Change(("switch", "n"), 1, SWITCH), Change(("port", "p"), 1, port)])
    first.plug("p", "tap0", port.mac, 1500)
    second.plug("p", "tap0", port.mac, 1500)
    first.unplug("p", "tap0")
    assert network.ports_up() == {"p": "h2"}


def test_a_guest_asks_for_metadata_as_itself() -> None:
    host = SimulatedHostNetwork(
        "h", SimulatedNetwork(), lambda *asked: (200, "text/plain", repr(asked[:4]).encode())
    )
    host.serve_metadata("n", "p", "fa:16:3e:00:00:01", ["10.0.0.2/24"])
    answer = host.ask("n", "10.0.0.9", "GET", "/openstack", {})
    assert answer == (200, "text/plain", b"('n', '10.0.0.9', 'GET', '/openstack')")


def test_ten_thousand_ports_one_by_one_take_little_time() -> None:
    network = SimulatedNetwork()
    host = SimulatedHostNetwork("h", network, lambda *_: (200, "", b""))
    network.apply([Change(("switch", "n"), 1, SWITCH)])
    start = time.process_time()
    for number in range(10_000):
        port = SwitchPort(f"p{number}", "n", "guest", "fa:16:3e:00:00:01", ())
        network.apply([Change(("port", port.id), 1, port)])
        host.plug(port.id, f"tap{number}", port.mac, 1500)
    assert len(network.ports_up()) == 10_000
    assert time.process_time() - start < 5


def _with_ports(*ids: str) -> tuple[SimulatedNetwork, SimulatedHostNetwork]:
    network = SimulatedNetwork()
    host = SimulatedHostNetwork("h", network, lambda *_: (200, "", b""))
    network.apply([Change(("switch", "n"), 1, SWITCH)])
    for id in ids:
        port = SwitchPort(id, "n", "guest", "fa:16:3e:00:00:01", ())
        network.apply([Change(("port", id), 1, port)])
        host.plug(id, "tap0", port.mac, 1500)
    return network, host


def test_it_tells_which_ports_have_moved() -> None:
    network, host = _with_ports("p0", "p1", "p2")
    moment, _ = network.moved(0)

    host.unplug("p1", "tap0")

    now, moved = network.moved(moment)
    assert moved == ["p1"]
    assert network.where(["p0", "p1"]) == {"p0": "h"}
    assert network.moved(now) == (now, [])


def test_it_says_so_when_it_has_forgotten_what_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pileus.network.drivers.simulated._REMEMBERED", 2)

    network, _ = _with_ports("p0", "p1", "p2")

    assert network.moved(0) == (3, None)
    assert network.moved(1) == (3, ["p2", "p1"])


def test_a_port_that_another_process_plugs_after_it_was_applied_is_news_to_this_one(
    tmp_path: Path,
) -> None:
    # Arrange
    here, there = (SimulatedNetwork(journal=Journal(tmp_path / "network")) for _ in range(2))
    port = SwitchPort("p", "n", "guest", "fa:16:3e:00:00:01", ())
    here.apply([Change(("switch", "n"), 1, SWITCH), Change(("port", "p"), 1, port)])
    before, _ = here.moved(0)

    # Act
    there.plugged("p", "h2")
    moment, moved = here.moved(before)

    # Assert
    assert moment > before
    assert moved == ["p"]
    assert here.where(["p"]) == {"p": "h2"}


def test_a_look_wakes_whoever_waits_for_a_port_of_another_process(tmp_path: Path) -> None:
    here, there = (SimulatedNetwork(journal=Journal(tmp_path / "network")) for _ in range(2))
    port = SwitchPort("p", "n", "guest", "fa:16:3e:00:00:01", ())
    here.apply([Change(("switch", "n"), 1, SWITCH), Change(("port", "p"), 1, port)])
    told: list[bool] = []
    here.on_change(lambda: told.append(True))
    there.plugged("p", "h2")

    here.look()
    here.look()

    assert told == [True]
