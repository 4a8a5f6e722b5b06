"""The commands as a user calls them, on a simulated cloud in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

PILEUS = [sys.executable, "-m", "pileus.cli"]


class Machine:
    """One state directory and clouds file, and the commands on them."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.clouds = folder / "clouds.yaml"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def run(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`pileus COMMAND --state …`."""
        return subprocess.run(
            [*PILEUS, command, "--state", str(self.state), *words],
            capture_output=True,
            text=True,
            timeout=100,
        )

    def up_words(self, *words: str) -> list[str]:
        """The words of `up` for this machine."""
        files = ["--clouds-file", str(self.clouds), "--port", str(self.port)]
        return ["--simulate", "--seed", "5", *files, *words]

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Bring it up."""
        return self.run("up", *self.up_words(*words))

    @property
    def pid(self) -> int:
        """The control plane's process."""
        return int((self.state / "pileus.pid").read_text().split()[0])

    def get(self, path: str) -> tuple[int, bytes]:
        """What the API answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.status, answer.read()

    def login(self) -> dict[str, object]:
        """The admin's token body, with the password of the clouds file."""
        auth = yaml.safe_load(self.clouds.read_text())["clouds"]["pileus"]["auth"]
        user = {"name": "admin", "domain": {"name": "Default"}, "password": auth["password"]}
        scope = {"project": {"name": "admin", "domain": {"name": "Default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        request = urllib.request.Request(
            f"{auth['auth_url']}/v3/auth/tokens",
            json.dumps({"auth": {"identity": identity, "scope": scope}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, object] = json.load(answer)["token"]
            return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    if made.state.exists():
        made.run("down")


def test_up_answers_and_writes_the_clouds_file(machine: Machine) -> None:
    done = machine.up()

    assert done.returncode == 0, done.stderr
    assert "simulated" in done.stdout
    assert machine.get("/readyz")[0] == 200
    assert set(yaml.safe_load(machine.clouds.read_text())["clouds"]) == {"pileus", "pileus-demo"}
    assert machine.clouds.stat().st_mode & 0o777 == 0o600
    assert machine.login()["project"]["name"] == "admin"  # type: ignore[index]


def test_up_twice_never_starts_a_second_copy(machine: Machine) -> None:
    machine.up()
    first = machine.pid

    done = machine.up()

    assert done.returncode == 0, done.stderr
    assert "already" in done.stdout
    assert machine.pid == first


def test_two_ups_at_once_start_one(machine: Machine) -> None:
    words = [*PILEUS, "up", "--state", str(machine.state), *machine.up_words()]
    both = [subprocess.Popen(words, stdout=-3, stderr=-3) for _ in range(2)]
    ends = [one.wait(100) for one in both]

    assert 0 in ends
    assert machine.get("/healthz")[0] == 200


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6, 1.0, 1.5])
def test_up_survives_an_interruption(machine: Machine, seconds: float) -> None:
    words = [*PILEUS, "up", "--state", str(machine.state), *machine.up_words()]
    interrupted = subprocess.Popen(words, stdout=-3, stderr=-3)
    time.sleep(seconds)
    interrupted.send_signal(signal.SIGINT)
    interrupted.wait(100)

    done = machine.up()

    assert done.returncode == 0, done.stderr
    assert machine.login()["project"]["name"] == "admin"  # type: ignore[index]


def test_status_says_that_it_is_simulated(machine: Machine) -> None:
    machine.up()

    done = machine.run("status")

    assert done.returncode == 0, done.stderr
    assert "simulated: nothing runs inside its guests" in done.stdout


def test_status_of_a_cloud_that_is_down_exits_with_3(machine: Machine) -> None:
    machine.up()
    machine.run("down")

    assert machine.run("status").returncode == 3


def test_a_killed_control_plane_comes_back_with_its_data(machine: Machine) -> None:
    machine.up()
    before = machine.login()
    os.kill(machine.pid, signal.SIGKILL)

    machine.up()

    assert machine.login()["project"] == before["project"]


def test_audit_of_a_first_start_is_clean(machine: Machine) -> None:
    machine.up()

    done = machine.run("audit")

    assert done.returncode == 0, done.stdout + done.stderr


def test_reset_brings_the_same_ids_in_under_a_second(machine: Machine) -> None:
    machine.up()
    before = machine.login()

    begun = time.monotonic()
    done = machine.run("reset")
    seconds = time.monotonic() - begun

    assert done.returncode == 0, done.stderr
    after = machine.login()
    assert (after["project"], after["user"]) == (before["project"], before["user"])
    assert after["catalog"] == before["catalog"]
    assert seconds < 10, "a busy machine may be slow, but not this slow"


def test_doctor_names_what_mends_each_fault(machine: Machine) -> None:
    machine.up()
    machine.run("down")

    done = machine.run("doctor")

    assert done.returncode == 1
    assert "mend it with: pileus up" in done.stdout


def test_uninstall_leaves_neither_state_nor_entries(machine: Machine) -> None:
    machine.clouds.write_text("clouds:\n  mine: {auth: {}}\n")
    machine.up()

    done = machine.run("uninstall", "--yes")

    assert done.returncode == 0, done.stderr
    assert not machine.state.exists()
    assert set(yaml.safe_load(machine.clouds.read_text())["clouds"]) == {"mine"}


def test_a_taken_port_is_said(machine: Machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", machine.port))
        taken.listen()

        done = machine.up()

    assert done.returncode == 1
    assert "--port" in done.stderr


def test_beyond_loopback_there_is_tls(machine: Machine) -> None:
    done = machine.up("--listen", "127.0.0.1")
    assert done.returncode == 0
    machine.run("down")

    done = machine.up("--listen", "0.0.0.0")

    assert done.returncode == 0, done.stderr
    entry = yaml.safe_load(machine.clouds.read_text())["clouds"]["pileus"]
    assert entry["auth"]["auth_url"].startswith("https://")
    assert Path(entry["cacert"]).exists()
    assert machine.run("status").returncode == 0


def test_two_clouds_live_side_by_side(machine: Machine, tmp_path: Path) -> None:
    other = Machine(tmp_path / "other")
    machine.up()
    done = other.up("--cloud-name", "second")
    try:
        assert done.returncode == 0, done.stderr
        assert other.get("/healthz")[0] == machine.get("/healthz")[0] == 200
    finally:
        other.run("down")


def test_help_is_quick_and_lists_the_commands() -> None:
    done = subprocess.run([*PILEUS, "--help"], capture_output=True, text=True)

    assert done.returncode == 0
    assert "audit" in done.stdout
