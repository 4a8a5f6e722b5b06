"""The cloud layer of openstacksdk against a whole simulated cloud."""

import subprocess
from pathlib import Path

import pytest

from tests.cloud import Cloud

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)  # the client environment may have to be made first
def test_a_day_with_openstacksdk(cloud: Cloud) -> None:
    subprocess.run(["make", "--no-print-directory", "client"], cwd=ROOT, check=True)
    script = [str(ROOT / ".client/bin/python"), str(Path(__file__).parent / "sdk_day.py")]

    done = subprocess.run(
        [*script, cloud.base, "admin-secret"], capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 0, done.stdout + done.stderr
