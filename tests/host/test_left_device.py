"""A device that a killed switch left behind keeps nobody from starting."""

import subprocess
from pathlib import Path

import pytest

from pileus.host.ovs import holder

pytestmark = pytest.mark.real


def test_a_tap_that_nobody_has_open_has_no_holder() -> None:
    name = "pileus-left0"
    subprocess.run(["ip", "tuntap", "add", "dev", name, "mode", "tap"], check=True)
    try:
        assert Path(f"/sys/class/net/{name}").exists()
        assert holder(name) is None
    finally:
        subprocess.run(["ip", "link", "delete", name], check=True)
