"""A real cloud, from `pileus up` to `uninstall`, walked through with the real client."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..ports import free_port
from .cloud import free_network

ROOT = Path(__file__).parents[2]
PILEUS = [sys.executable, "-m", "pileus.cli"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(1500)]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cloud"
    words = ["--state", str(folder), "--port", str(free_port()), "--external", free_network()]
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
