"""What every compute driver promises."""

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pileus.compute.driver import ComputeDriver, Disk, GuestSpec
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.core.backend import Refused


@dataclass
class Images:
    folder: Path

    def path(self, image_id: str) -> tuple[Path, str]:
        file = self.folder / image_id
        if not file.exists():
            raise Refused(f"There is no image {image_id}.")
        return file, "raw"


@dataclass
class Host:
    driver: ComputeDriver
    instances: Path

    def kill(self, guest: str) -> None:
        if isinstance(self.driver, SimulatedCompute):
            self.driver.crash(guest)
            return
        for process in Path("/proc").glob("[0-9]*"):
            line = (process / "cmdline").read_bytes() if (process / "cmdline").exists() else b""
            if line.startswith(b"/usr/bin/qemu-system") and guest.encode() in line:
                os.kill(int(process.name), signal.SIGKILL)


@pytest.fixture(params=["simulated", pytest.param("libvirt", marks=pytest.mark.real)])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    home = Path(tempfile.mkdtemp(prefix="pc"))
    (home / "blank").write_bytes(bytes(1 << 20))
    images, instances = Images(home), home / "instances"
    if request.param == "simulated":
        yield Host(SimulatedCompute("one", images, file=home / "guests"), instances)
    else:
        from pileus.compute.drivers.libvirt import LibvirtCompute
        from pileus.host.libvirtd import Libvirtd

        daemon = Libvirtd(home / "state")
        daemon.start()
        driver = LibvirtCompute(
            daemon.uri, instances, images, "tcg", True, "one", patience=1, grace=2
        )
        yield Host(driver, instances)
        for guest in driver.observe():
            driver.remove(guest.id)
        daemon.uninstall()
    shutil.rmtree(home)


@pytest.fixture
def spec() -> GuestSpec:
    return GuestSpec(str(uuid.uuid4()), "a<&'\"b", 2, 1, 64, (Disk("disk", 1, "blank"),), ())


def test_ensure_twice_makes_one_guest(host: Host, spec: GuestSpec) -> None:
    first = host.driver.ensure(spec)
    assert host.driver.ensure(spec) == first
    assert list(host.driver.observe()) == [first]
    assert (first.power, first.generation) == ("running", 2)


def test_remove_may_be_repeated(host: Host, spec: GuestSpec) -> None:
    host.driver.remove(spec.id)
    host.driver.ensure(spec)
    host.driver.remove(spec.id)
    host.driver.remove(spec.id)
    assert not host.driver.observe()
    assert host.driver.console_log(spec.id) == b""
    assert not (host.instances / spec.id).exists()


def test_a_reboot_is_counted_once(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)
    again = replace(spec, reboots=1)
    assert host.driver.ensure(again) == host.driver.ensure(again)
    assert [seen.reboots for seen in host.driver.observe()] == [1]


def test_power_follows_the_specification(host: Host, spec: GuestSpec) -> None:
    assert host.driver.ensure(replace(spec, power="paused")).power == "paused"
    assert host.driver.ensure(spec).power == "running"


def test_an_older_generation_is_refused(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)
    with pytest.raises(Refused, match="generation 1"):
        host.driver.ensure(replace(spec, generation=1))


@pytest.mark.parametrize("image", ["gone", "big"])
def test_a_bad_image_leaves_nothing(host: Host, spec: GuestSpec, image: str) -> None:
    with (host.instances.parent / "big").open("wb") as big:
        big.truncate(2 << 30)
    with pytest.raises(Refused):
        host.driver.ensure(replace(spec, disks=(Disk("disk", 1, image),)))
    assert not host.driver.observe()
    assert not (host.instances / spec.id).exists()


def test_a_killed_guest_is_mended(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)
    host.kill(spec.id)
    assert host.driver.ensure(spec).power == "running"
