"""What happens when OVN's databases or the host's devices go away and come back."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from guest import Guest
from ovn_daemons import OvnDaemons, Watch, running_ovn, sh

from pileus.core.backend import Broken, Busy
from pileus.network.driver import Change, Subnet, Switch, SwitchPort
from pileus.network.drivers.ovn import OvnNetwork
from pileus.network.drivers.ovs import OvsHostNetwork
from pileus.network.drivers.ovsdb import Ovsdb

pytestmark = pytest.mark.real

SWITCH = Switch("net", "net", 1442, (Subnet("sub", "10.0.0.0/24", "10.0.0.1", True),))
PORT = SwitchPort("port", "net", "guest", "fa:16:3e:00:00:01", (("sub", "10.0.0.5"),))
BOTH = [Change(("switch", "net"), 1, SWITCH), Change(("port", "port"), 1, PORT)]


@pytest.fixture
def daemons() -> Iterator[OvnDaemons]:
    with running_ovn() as daemons:
        yield daemons


def host_network(daemons: OvnDaemons) -> OvsHostNetwork:
    return OvsHostNetwork(
        daemons.socket("switch"), "br-int", lambda *_: (200, "text/plain", b""), userspace=True
    )


def test_a_database_that_is_not_there_is_named() -> None:
    with pytest.raises(Broken, match=r"OVN_Northbound does not answer at unix:/nowhere\.sock"):
        Ovsdb("unix:/nowhere.sock", "OVN_Northbound", {}, timeout=2)


def test_busy_while_the_database_is_away_and_at_work_when_it_is_back(daemons: OvnDaemons) -> None:
    with ExitStack() as stack:
        network = OvnNetwork(daemons.socket("nb"), daemons.socket("sb"), timeout=3)
        stack.callback(network.close)
        network.apply(BOTH[:1])
        daemons.stop_database("nb")
        with pytest.raises(Busy):
            network.apply(BOTH)
        daemons.start_database("nb")

        end = time.monotonic() + 60
        while True:
            try:
                network.apply(BOTH)
                break
            except Busy:
                assert time.monotonic() < end
        assert set(network.revisions()) == {change.key for change in BOTH}


def test_rows_that_went_while_away_are_not_believed_in(daemons: OvnDaemons) -> None:
    with ExitStack() as stack:
        network = OvnNetwork(daemons.socket("nb"), daemons.socket("sb"))
        stack.callback(network.close)
        network.apply(BOTH)
        daemons.stop_database("nb")
        database = str(daemons.folder / "nb.db")
        (daemons.folder / "nb.db").unlink()
        sh("ovsdb-tool", "create", database, "/usr/share/ovn/ovn-nb.ovsschema")
        daemons.start_database("nb")
        Watch(network).until(lambda: not network.revisions())
        network.apply(BOTH)
        assert set(network.revisions()) == {change.key for change in BOTH}


def test_a_second_connection_sees_what_the_first_has_written(daemons: OvnDaemons) -> None:
    with ExitStack() as stack:
        first = OvnNetwork(daemons.socket("nb"), daemons.socket("sb"))
        stack.callback(first.close)
        first.apply(BOTH)
        second = OvnNetwork(daemons.socket("nb"), daemons.socket("sb"))
        stack.callback(second.close)
        assert second.revisions() == first.revisions()


def test_a_tap_that_was_lost_or_unplugged_carries_packets_again(daemons: OvnDaemons) -> None:
    with ExitStack() as stack:
        network = OvnNetwork(daemons.socket("nb"), daemons.socket("sb"))
        stack.callback(network.close)
        host = host_network(daemons)
        stack.callback(host.close)
        watch = Watch(network)
        network.apply(BOTH)
        host.plug("port", "tap-x", PORT.mac, 1442)
        watch.until(lambda: "port" in network.ports_up())
        sh("ip", "link", "del", "tap-x")
        for lose in (False, True):
            if lose:
                host.unplug("port", "tap-x")
            host.plug("port", "tap-x", PORT.mac, 1442)
            daemons.nbctl("--wait=hv", "sync")
            watch.until(lambda: "port" in network.ports_up())
            with Guest("tap-x", PORT.mac) as guest:
                assert guest.dhcp().ip == "10.0.0.5"
        host.unplug("port", "tap-x")


def test_a_broken_metadata_namespace_is_made_again(daemons: OvnDaemons) -> None:
    with ExitStack() as stack:
        host = host_network(daemons)
        stack.callback(host.close)
        host.serve_metadata("net-x", "meta", "fa:16:3e:00:00:02", ["10.0.0.2/24"])
        stack.callback(host.drop_metadata, "net-x")
        sh("ip", "netns", "del", "ovnmeta-net-x")
        host.serve_metadata("net-x", "meta", "fa:16:3e:00:00:02", ["10.0.0.2/24"])
        shown = sh("ip", "-n", "ovnmeta-net-x", "addr")
        assert "169.254.169.254/32" in shown and "10.0.0.2/24" in shown


def test_what_a_dead_process_left_broken_is_cleared_away(daemons: OvnDaemons) -> None:
    first = host_network(daemons)
    first.serve_metadata("net-y", "meta", "fa:16:3e:00:00:02", ["10.0.0.2/24"])
    first.close()
    sh("ip", "netns", "del", "ovnmeta-net-y")
    second = host_network(daemons)
    assert second.metadata_networks() == []
    assert "meta" not in daemons.vsctl("--columns=external_ids", "list", "interface")
    second.close()
