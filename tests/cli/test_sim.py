"""`pileus sim`, as a user calls it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_agent import PILEUS, Cloud, until


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    made.up()
    yield made
    made.run("down")


def _children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_fleet_connects_and_ends_cleanly_and_is_the_same_again(
    cloud: Cloud, tmp_path: Path
) -> None:
    words = ["sim", "--state", str(cloud.state), "--folder", str(tmp_path / "fleet")]
    command = [*PILEUS, *words, "--hosts", "6", "--processes", "2", "--fail", "0.1"]
    for _ in range(2):
        fleet = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert fleet.stdout is not None
        try:
            for line in fleet.stdout:
                if "6 connected" in line:
                    break
            children = _children(fleet.pid)
            said = cloud.run("status").stdout
            fleet.send_signal(signal.SIGINT)
            rest = fleet.communicate(timeout=60)[0]
        finally:
            fleet.kill()

        assert "6 joined, all simulated; 6 connected here" in said
        assert fleet.returncode == 0, rest
        assert len(children) == 2
        for child in children:
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)
    certificates = list((tmp_path / "fleet").glob("sim-*/host.pem"))
    assert len(certificates) == 6


def test_hosts_of_a_killed_fleet_end_with_it(cloud: Cloud, tmp_path: Path) -> None:
    words = ["sim", "--state", str(cloud.state), "--folder", str(tmp_path / "fleet")]
    fleet = subprocess.Popen([*PILEUS, *words, "--hosts", "2"], stdout=subprocess.PIPE, text=True)
    assert fleet.stdout is not None
    for line in fleet.stdout:
        if "2 connected" in line:
            break
    children = _children(fleet.pid)

    fleet.kill()
    fleet.wait()

    until(lambda: not any(Path(f"/proc/{c}/cwd").exists() for c in children), "the end")
