"""A real cloud, from `pileus up` to `uninstall`, walked through with the real client."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PILEUS = [sys.executable, "-m", "pileus.cli"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(1500)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free_network() -> str:
    routes = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True).stdout
    return next(n for n in (f"172.24.{i}.0/24" for i in range(5, 250)) if n not in routes)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cloud"
    words = ["--state", str(folder), "--port", str(_free_port()), "--external", _free_network()]
    files = ["--clouds-file", str(tmp_path / "clouds.yaml"), "--cloud-name", "journey"]
    subprocess.run([*PILEUS, "up", *words, *files], check=True, timeout=900)
    yield folder
    if folder.exists():
        subprocess.run([*PILEUS, "down", "--guests", "--state", str(folder)], check=True)
        log = folder / "log/pileus.log"
        print("\n".join(log.read_text().splitlines()[-40:]))


def test_a_day_with_a_real_cloud(state: Path) -> None:
    subprocess.run(["make", "--no-print-directory", "client"], cwd=ROOT, check=True)
    client = ROOT / ".client/bin/openstack"

    done = subprocess.run(
        [sys.executable, "tests/e2e/run.py", "--state", str(state), "--client", str(client)],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )

    assert done.returncode == 0
