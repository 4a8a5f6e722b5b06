"""A real cloud survives what befalls it: crashes, restarts, a reboot; and goes whole."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.cli import boot
from pileus.config import Config

from .cloud import PILEUS, RealCloud, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
ENGINES = ("libvirtd", "ovsdb-nb", "ovsdb-sb", "ovsdb-switch", "ovs-vswitchd", "ovn-northd")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCloud]:
    made = RealCloud(tmp_path_factory.mktemp("life"))
    made.up()
    yield made
    if made.state.exists():
        log = made.run("logs", "-n", "1000").stdout.splitlines()
        print("\n".join([line for line in log if '"event": "request"' not in line][-20:]))
        print(made.run("uninstall", "--yes").stderr)


@pytest.fixture(scope="module")
def server(cloud: RealCloud) -> str:
    return cloud.boot("survivor")


def _devices(cloud: RealCloud) -> list[str]:
    return [p.name for p in Path("/sys/class/net").iterdir() if p.name.endswith(cloud.place.tag)]


def _boot_command(cloud: RealCloud) -> list[str]:
    """What the machine's boot runs."""
    entry = boot.entry(Config(state=cloud.state))
    assert entry is not None
    if entry.suffix != ".service":
        return [str(entry), "start"]
    lines = entry.read_text().splitlines()
    return shlex.split(next(x for x in lines if x.startswith("ExecStart=")).partition("=")[2])


def _bare() -> dict[str, str]:
    """The little that a boot has in its environment."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
    kept = {k: v for k, v in os.environ.items() if k == "PYTHONPATH"}
    return {"PATH": path, **kept}


def _whole(cloud: RealCloud) -> bool:
    return cloud.run("doctor").stdout.count("not running") == 0


def test_down_leaves_guests_running_and_up_finds_them(cloud: RealCloud, server: str) -> None:
    before = cloud.guests()

    cloud.run("down")
    during = cloud.guests()
    cloud.up()

    assert during == before and len(before) == 1
    assert cloud.status(server) == "ACTIVE"
    assert cloud.guests() == before
    assert cloud.audited() == []


def test_a_killed_control_plane_comes_back_with_its_guests(cloud: RealCloud, server: str) -> None:
    before = cloud.guests()
    os.kill(cloud.pid, signal.SIGKILL)

    cloud.up()

    assert cloud.status(server) == "ACTIVE"
    assert cloud.guests() == before
    assert cloud.audited() == []


def _replaced(cloud: RealCloud, killed: dict[str, int]) -> bool:
    try:
        return all(cloud.daemon(name) != pid for name, pid in killed.items())
    except FileNotFoundError:
        return False  # one of them is just being started


def test_every_killed_engine_is_started_again(cloud: RealCloud, server: str) -> None:
    before = cloud.guests()
    killed = {name: cloud.daemon(name) for name in (*ENGINES, "ovn-controller")}

    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    until(lambda: _replaced(cloud, killed) and _whole(cloud), "all engines to run again")
    assert cloud.guests() == before
    assert cloud.status(server) == "ACTIVE"
    second = cloud.boot("after-the-crash")
    cloud.api.delete(f"/compute/v2.1/servers/{second}")
    until(lambda: len(cloud.guests()) == 1, "the second guest to be gone")
    assert cloud.audited() == []


def test_after_a_reboot_the_boot_entry_brings_guests_back(cloud: RealCloud, server: str) -> None:
    os.kill(cloud.pid, signal.SIGKILL)
    for pid in cloud.processes():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not cloud.processes(), "the machine to be empty")
    for device in _devices(cloud):
        subprocess.run(["ip", "link", "delete", device], capture_output=True)
    shutil.rmtree(cloud.place.run)

    subprocess.run(_boot_command(cloud), check=True, timeout=300, env=_bare())

    cloud._client = None
    until(lambda: len(cloud.guests()) == 1, "the guest to run again")
    assert cloud.status(server) == "ACTIVE"
    assert cloud.audited() == []


def test_an_interrupted_up_is_mended_by_the_next(cloud: RealCloud, server: str) -> None:
    cloud.run("down", "--guests")
    for seconds in (0.1, 0.3, 0.6, 1.0, 1.5):
        words = [*PILEUS, "up", "--state", str(cloud.state)]
        started = subprocess.Popen(words, stdout=-3, stderr=-3)
        try:
            started.wait(seconds)
        except subprocess.TimeoutExpired:
            started.kill()
        started.wait()

    cloud.up()

    until(lambda: len(cloud.guests()) == 1, "the guest to run again")
    assert cloud.status(server) == "ACTIVE"
    assert cloud.audited() == []


def test_reset_removes_guests_and_keeps_the_first_image(cloud: RealCloud, server: str) -> None:
    done = cloud.run("reset")

    assert done.returncode == 0, done.stderr
    assert cloud.guests() == {}
    cloud._client = None
    assert cloud.api.get("/compute/v2.1/servers").json() == {"servers": []}
    images = cloud.api.get("/image/v2/images").json()["images"]
    assert [image["name"] for image in images] == ["pileus-tiny"]
    cloud.boot("after-the-reset")
    assert cloud.audited() == []


def test_uninstall_leaves_nothing_on_the_machine(cloud: RealCloud) -> None:
    done = cloud.run("uninstall", "--yes")

    assert done.returncode == 0, done.stdout + done.stderr
    assert cloud.processes() == []
    assert _devices(cloud) == []
    assert not cloud.place.run.exists()
    assert not cloud.state.exists()
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout
    assert cloud.place.tag not in tables
    assert boot.entry(Config(state=cloud.state)) is None
    assert str(cloud.state) not in Path("/proc/mounts").read_text()
