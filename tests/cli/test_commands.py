"""The commands as a user calls them, on a simulated cloud in a process of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pileus import logs

from ..login import login
from ..ports import free_port

PILEUS = [sys.executable, "-m", "pileus.cli"]


class Machine:
    """One state directory and clouds file, and the commands on them."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.clouds = folder / "clouds.yaml"
        self.port = free_port()

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
        request = urllib.request.Request(
            f"{auth['auth_url']}/v3/auth/tokens",
            json.dumps(login("admin", auth["password"])).encode(),
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
    assert machine.run("audit").returncode == 0


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


def test_up_keeps_out_of_a_directory_with_other_things(machine: Machine) -> None:
    machine.state.mkdir()
    (machine.state / "letters.txt").write_text("mine")

    done = machine.up()

    assert done.returncode == 1
    assert "letters.txt" in done.stderr
    assert "no cloud" in machine.run("uninstall", "--yes").stderr


def test_uninstall_leaves_what_is_not_the_clouds(machine: Machine) -> None:
    machine.up()
    (machine.state / "letters.txt").write_text("mine")

    done = machine.run("uninstall", "--yes")

    assert done.returncode == 0, done.stderr
    assert [path.name for path in machine.state.iterdir()] == ["letters.txt"]
    assert "letters.txt" in done.stdout
    (machine.state / "letters.txt").unlink()
    machine.state.rmdir()


def test_another_clouds_entry_is_not_overwritten(machine: Machine, tmp_path: Path) -> None:
    machine.up()
    before = machine.clouds.read_text()
    other = Machine(tmp_path / "other")
    other.clouds = machine.clouds

    done = other.up()

    assert done.returncode == 1
    assert "--cloud-name" in done.stderr
    assert machine.clouds.read_text() == before


def test_a_new_name_replaces_the_old_entry(machine: Machine) -> None:
    machine.up()
    machine.run("down")

    machine.up("--cloud-name", "renamed")

    assert set(yaml.safe_load(machine.clouds.read_text())["clouds"]) == {"renamed", "renamed-demo"}


WRONG = [
    ("--external", "10.0.0.0/32"),
    ("--external", "nonsense"),
    ("--listen", "nonsense"),
    ("--listen", "192.0.2.77"),
    ("--database", "nonsense"),
    ("--database", "sqlite:////no/such/folder/x.db"),
    ("--tls-cert", "/etc/hostname"),
    ("--tls-cert", "/etc/hostname", "--tls-key", "/etc/hostname"),
    ("--clouds-file", "/proc/no/such/file"),
    ("--dedicated-cpus", "nonsense"),
    ("--dedicated-cpus", "0-9999"),
    ("--pci-device-spec", "nonsense"),
    ("--pci-device-spec", '{"vendor_id": "10de"}'),
    ("--scheduler-file", "/etc/hostname"),
    ("--identity-file", "/etc/hostname"),
]


def test_wrong_options_are_named_and_keep_nothing(machine: Machine) -> None:
    for words in WRONG:
        done = machine.up(*words)

        assert done.returncode == 1, words
        assert "Traceback" not in done.stderr, words
        assert done.stderr.startswith("Error: "), words
    assert machine.up().returncode == 0, "the next start without them succeeds"


def test_rotating_the_keys_of_tokens_logs_nobody_out(machine: Machine) -> None:
    machine.up()
    auth = yaml.safe_load(machine.clouds.read_text())["clouds"]["pileus"]["auth"]
    body = json.dumps(login("admin", auth["password"])).encode()
    ask = urllib.request.Request(
        f"{auth['auth_url']}/v3/auth/tokens", body, {"Content-Type": "application/json"}
    )

    def token() -> str:
        with urllib.request.urlopen(ask, timeout=30) as answer:
            return str(answer.headers["X-Subject-Token"])

    before = token()
    words = [*PILEUS, "tokens", "rotate", "--state", str(machine.state)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    after = token()

    assert done.returncode == 0, done.stderr
    assert "key 2 makes tokens now" in done.stdout
    for one in (before, after):
        shown = urllib.request.Request(
            f"{auth['auth_url']}/v3/auth/tokens",
            headers={"X-Auth-Token": one, "X-Subject-Token": one},
        )
        assert urllib.request.urlopen(shown, timeout=30).status == 200


@pytest.mark.parametrize("state", ["/etc/hostname/below-a-file", "/proc/not/writable"])
def test_an_impossible_state_directory_is_said(state: str) -> None:
    words = [*PILEUS, "up", "--simulate", "--state", state]

    done = subprocess.run(words, capture_output=True, text=True)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert state in done.stderr or "/proc" in done.stderr


@pytest.mark.parametrize("command", ["up", "down", "status", "doctor", "audit", "reset"])
def test_damaged_settings_are_said(machine: Machine, command: str) -> None:
    machine.state.mkdir()
    (machine.state / "config.json").write_text("{broken")

    done = machine.run(command)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: ") and "config.json is damaged" in done.stderr


def test_the_clouds_file_may_be_damaged_and_uninstall_works(machine: Machine) -> None:
    machine.up()
    machine.clouds.write_text("{")

    done = machine.run("uninstall", "--yes")

    assert done.returncode == 0, done.stderr
    assert not machine.state.exists()
    assert machine.clouds.read_text() == "{"


def test_the_password_of_the_environment_is_the_admins(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILEUS_ADMIN_PASSWORD", "from the environment")

    machine.up()

    auth = yaml.safe_load(machine.clouds.read_text())["clouds"]["pileus"]["auth"]
    assert auth["password"] == "from the environment"
    assert machine.login()["project"]["name"] == "admin"  # type: ignore[index]


def test_tls_of_its_own_goes_when_it_is_not_needed(machine: Machine) -> None:
    machine.up("--listen", "0.0.0.0")
    machine.run("down")

    machine.up("--listen", "127.0.0.1")

    entry = yaml.safe_load(machine.clouds.read_text())["clouds"]["pileus"]
    assert entry["auth"]["auth_url"] == f"http://127.0.0.1:{machine.port}/identity"
    assert "cacert" not in entry


def test_logs_follow_goes_on_when_the_log_is_cut(machine: Machine) -> None:
    machine.up()
    log = machine.state / "log/pileus.log"
    words = [*PILEUS, "logs", "--state", str(machine.state), "-f", "-n", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        machine.get("/healthz")
        machine.login()
        while "auth/tokens" not in following.stdout.readline():
            pass

        logs.bound(log.parent, most=10)
        machine.login()

        assert "auth/tokens" in following.stdout.readline()
        following.terminate()
    assert "auth/tokens" in log.with_name("pileus.log.1").read_text()


def test_a_reset_under_load_ends_in_a_clean_first_start(machine: Machine) -> None:
    machine.up()
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError):
                machine.login()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()

    done = [machine.run("reset") for _ in range(3)]

    stop.set()
    for thread in threads:
        thread.join()
    assert [one.returncode for one in done] == [0, 0, 0]
    assert machine.run("audit").returncode == 0


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.4])
def test_a_reset_that_is_killed_is_mended_by_up(machine: Machine, seconds: float) -> None:
    machine.up()
    before = machine.login()
    os.kill(machine.pid, signal.SIGUSR1)
    time.sleep(seconds)
    os.kill(machine.pid, signal.SIGKILL)

    done = machine.up()

    assert done.returncode == 0, done.stderr
    assert machine.login()["project"] == before["project"]
    assert machine.run("audit").returncode == 0


def test_a_later_up_from_another_home_writes_the_same_clouds_file(machine: Machine, tmp_path: Path):
    words = [*PILEUS, "up", "--state", str(machine.state), "--simulate", "--port"]
    words += [str(machine.port)]
    first, boot = tmp_path / "first", tmp_path / "boot"
    for home in (first, boot):
        env = {key: value for key, value in os.environ.items() if key != "XDG_CONFIG_HOME"}
        subprocess.run(words, env={**env, "HOME": str(home)}, check=True, timeout=100)
        machine.run("down")

    assert (first / ".config/openstack/clouds.yaml").exists()
    assert not (boot / ".config").exists()
