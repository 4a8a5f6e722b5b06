import os
import signal
from pathlib import Path

import pytest

from pileus.host.ovn import Ovn

pytestmark = pytest.mark.real


def exists(device: str) -> bool:
    return Path(f"/sys/class/net/{device}").exists()


@pytest.fixture
def network(tmp_path: Path):
    one = Ovn(tmp_path / ("a-long-name-for-a-state-directory" * 3), "one", "172.30.251.1/24")
    yield one
    one.uninstall()


def test_start_makes_a_chassis_that_follows(network):
    assert network.start() is True
    network.nbctl("--timeout=30", "--wait=hv", "ls-add", "net")

    assert network.running()
    assert network.start() is False
    assert exists(network.integration) and exists(network.provider.name)


@pytest.mark.parametrize("number", range(6))
def test_start_mends_a_killed_daemon(network, number):
    network.start()
    victim = network.daemons()[number]
    process = victim.pid()
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)

    network.start()

    network.nbctl("--wait=hv", "sync")
    assert network.running()
    assert exists(network.provider.name)


def test_stop_takes_the_devices_and_keeps_the_network(network):
    network.start()
    network.nbctl("ls-add", "kept")

    network.stop()

    devices = (network.integration, network.provider.name, f"pn{network.place.tag}")
    assert not any(exists(device) for device in devices)
    network.start()
    assert "kept" in network.nbctl("ls-list")


def test_two_clouds_live_side_by_side(network, tmp_path: Path):
    other = Ovn(tmp_path / "other", "other", "172.30.252.1/24")
    try:
        network.start()
        other.start()
        other.stop()
        network.nbctl("--wait=hv", "sync")
        assert network.running()
    finally:
        other.uninstall()
