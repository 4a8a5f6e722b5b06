"""The agent is killed in the middle of a call on the libvirt driver; the next call mends all."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from killed import Images

from pileus.compute.driver import Disk, GuestSpec
from pileus.compute.drivers.libvirt import LibvirtCompute
from pileus.core.backend import Busy, Refused
from pileus.host.libvirtd import Libvirtd

pytestmark = pytest.mark.real

ENSURE = 4  # disk, drive, definition, start
REMOVE = 2  # destroyed, undefined


@dataclass
class World:
    home: Path
    libvirtd: Libvirtd
    driver: LibvirtCompute

    def run(self, call: str, spec: GuestSpec, step: int, when: str) -> subprocess.CompletedProcess:
        words = [sys.executable, str(Path(__file__).parent / "killed.py"), str(step), when]
        words += [self.libvirtd.uri, str(self.home), call, json.dumps(asdict(spec))]
        return subprocess.run(words, capture_output=True, text=True)

    def left(self) -> list[str]:
        """What there is of any guest."""
        files = [str(path) for path in (self.home / "instances").rglob("*")]
        return [guest.id for guest in self.driver.observe()] + files + [*self.libvirtd.guests()]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    home = Path(tempfile.mkdtemp(prefix="pk"))
    (home / "blank").write_bytes(bytes(1 << 20))
    daemon = Libvirtd(home / "state")
    daemon.start()
    driver = LibvirtCompute(daemon.uri, home / "instances", Images(home), "tcg", True, "one")
    yield World(home, daemon, driver)
    daemon.kill_guests()
    daemon.uninstall()
    shutil.rmtree(home)


@pytest.fixture
def spec(world: World) -> Iterator[GuestSpec]:
    one = GuestSpec(
        str(uuid.uuid4()), "one", 1, 1, 64, (Disk("disk", 1, "blank"),), (),
        config_drive={"openstack/latest/meta_data.json": "{}"},
    )  # fmt: skip
    yield one
    world.driver.remove(one.id)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, ENSURE + 1))
def test_killed_while_making_a_guest(world: World, spec: GuestSpec, step: int, when: str) -> None:
    done = world.run("ensure", spec, step, when)
    assert done.returncode == -signal.SIGKILL, done.stderr

    assert world.driver.ensure(spec).power == "running"

    assert [guest.power for guest in world.driver.observe()] == ["running"]
    assert sorted(path.name for path in (world.home / "instances" / spec.id).iterdir()) == [
        "console.log", "disk", "disk.base-blank.raw", "disk.config", "vnc.sock",
    ]  # fmt: skip
    world.driver.remove(spec.id)
    assert world.left() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, ENSURE + 1))
def test_killed_and_then_removed(world: World, spec: GuestSpec, step: int, when: str) -> None:
    assert world.run("ensure", spec, step, when).returncode == -signal.SIGKILL
    world.driver.remove(spec.id)
    assert world.left() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, REMOVE + 1))
def test_killed_while_removing(world: World, spec: GuestSpec, step: int, when: str) -> None:
    world.driver.ensure(spec)
    assert world.run("remove", spec, step, when).returncode == -signal.SIGKILL
    world.driver.remove(spec.id)
    assert world.left() == []


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_reboot_cut_short_ends_in_one_running_guest(
    world: World, spec: GuestSpec, step: int
) -> None:
    world.driver.ensure(spec)
    again = replace(spec, reboots=1)
    assert world.run("ensure", again, step, "after").returncode == -signal.SIGKILL
    seen = world.driver.ensure(again)
    assert (seen.power, seen.reboots) == ("running", 1)


def test_these_are_all_steps(world: World, spec: GuestSpec) -> None:
    made = world.run("ensure", spec, 99, "before")
    assert made.stdout.strip() == str(ENSURE), made.stderr
    gone = world.run("remove", spec, 99, "before")
    assert gone.stdout.strip() == str(REMOVE), gone.stderr


def test_a_lost_config_drive_is_written_again(world: World, spec: GuestSpec) -> None:
    world.driver.ensure(spec)
    drive = world.home / "instances" / spec.id / "disk.config"
    drive.unlink()
    world.driver.ensure(spec)
    assert drive.exists()


def test_a_name_that_is_taken_is_refused(world: World, spec: GuestSpec) -> None:
    world.driver.ensure(spec)
    other = replace(spec, id=str(uuid.uuid4()))
    with pytest.raises(Refused, match=spec.id):
        world.driver.ensure(other)
    assert not (world.home / "instances" / other.id).exists()


def test_a_guest_that_ignores_the_button_is_turned_off_by_whoever_comes_next(
    world: World, spec: GuestSpec
) -> None:
    world.driver.ensure(spec)
    off = replace(spec, power="shutoff")

    def agent() -> LibvirtCompute:
        folder = world.home / "instances"
        uri = world.libvirtd.uri
        return LibvirtCompute(
            uri, folder, Images(world.home), "tcg", True, "one", patience=0.1, grace=2
        )

    with pytest.raises(Busy):
        agent().ensure(off)
    power = "running"
    for _ in range(100):  # every one is an agent that has just started
        try:
            power = agent().ensure(off).power
            break
        except Busy:
            continue
    assert power == "shutoff"
    assert world.driver.ensure(spec).power == "running"


def test_hostile_names_are_found_among_the_processes(world: World, spec: GuestSpec) -> None:
    name = "a,b&<é'\"=x"
    world.driver.ensure(replace(spec, name=name))
    assert world.libvirtd.kill_guests() == [name]


def test_a_libvirtd_that_starts_again_is_waited_for(world: World, spec: GuestSpec) -> None:
    world.driver.ensure(spec)
    world.libvirtd.stop()
    for _ in range(3):  # the open connection breaks, then none can be opened
        with pytest.raises(Busy):
            world.driver.ensure(spec)
    world.libvirtd.start()
    assert world.driver.ensure(spec).power == "running"
