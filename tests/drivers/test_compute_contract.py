"""What every compute driver promises."""

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from pileus.compute.driver import (
    ComputeDriver,
    Disk,
    DiskCopies,
    GuestCell,
    GuestSpec,
    Observation,
)
from pileus.compute.drivers.imagefile import virtual_size
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.core.backend import Busy, Refused
from pileus.host.command import run


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
    copies: DiskCopies
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
        simulated = SimulatedCompute("one", images, file=home / "guests")
        yield Host(simulated, simulated, instances)
    else:
        from pileus.compute.drivers.libvirt import LibvirtCompute
        from pileus.host.libvirtd import Libvirtd

        daemon = Libvirtd(home / "state")
        daemon.start()
        driver = LibvirtCompute(
            daemon.uri, instances, images, "tcg", True, "one", patience=1, grace=2
        )
        yield Host(driver, driver, instances)
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


def test_a_guest_runs_in_cells_of_its_host(host: Host, spec: GuestSpec) -> None:
    low, high = (GuestCell((cpu,), 32, 0, shared=(0,)) for cpu in range(2))
    wanted = replace(spec, vcpus=2, topology=(1, 2, 1), cells=(low, high))

    assert host.driver.ensure(wanted).power == "running"
    assert host.driver.ensure(wanted).error == ""


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


def _size_gb(host: Host, guest: str) -> int:
    if isinstance(host.driver, SimulatedCompute):
        return int(host.driver._guests[guest].disks[0].split(" ")[1])
    head = (host.instances / guest / "disk").read_bytes()[:32]
    return int.from_bytes(head[24:]) >> 30


def test_a_guest_grows_and_goes_back(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)
    large = replace(spec, memory_mb=96, disks=(Disk("disk", 2, "blank"),), kept="move")

    grown = [_until_done(host, large), _until_done(host, large)]
    size = _size_gb(host, spec.id)
    back = _until_done(host, replace(spec, back="move"))

    assert [seen.power for seen in (*grown, back)] == ["running"] * 3
    assert (size, _size_gb(host, spec.id)) == (2, 1)
    assert not list(host.instances.glob("*/aside*"))


def test_what_is_set_aside_is_dropped_when_it_is_no_longer_kept(
    host: Host, spec: GuestSpec
) -> None:
    large = replace(spec, disks=(Disk("disk", 2, "blank"),), kept="move")
    host.driver.ensure(spec)
    _until_done(host, large)

    host.driver.ensure(replace(large, kept=""))

    assert not list(host.instances.glob("*/aside*"))
    assert _size_gb(host, spec.id) == 2


def test_a_disk_never_shrinks(host: Host, spec: GuestSpec) -> None:
    large = replace(spec, disks=(Disk("disk", 2, "blank"),))
    host.driver.ensure(large)

    with pytest.raises(Refused, match="cannot shrink"):
        _until_done(host, replace(spec, kept="move"))
    back = _until_done(host, replace(large, back="move"))

    assert back.power == "running"


def _until_done(host: Host, spec: GuestSpec) -> Observation:
    for _ in range(20):
        try:
            return host.driver.ensure(spec)
        except Busy:
            continue  # it waits itself, while the guest shuts down
    raise AssertionError("the guest is busy for ever")


def test_a_rebuild_makes_the_disks_anew_once(host: Host, spec: GuestSpec) -> None:
    large = replace(spec, disks=(Disk("disk", 2, "blank"),))
    host.driver.ensure(large)
    again = replace(spec, builds=1)

    first = host.driver.ensure(again)

    assert (first.power, host.driver.ensure(again)) == ("running", first)
    assert _size_gb(host, spec.id) == 1


def test_a_rebuild_from_an_image_that_is_gone_loses_nothing(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)

    with pytest.raises(Refused):
        host.driver.ensure(replace(spec, disks=(Disk("disk", 1, "gone"),), builds=1))

    assert [seen.power for seen in host.driver.observe()] == ["running"]
    assert _size_gb(host, spec.id) == 1


@pytest.mark.parametrize("power", ["running", "paused", "shutoff"])
def test_a_disk_is_copied_while_its_guest_goes_on(
    host: Host, spec: GuestSpec, power: Literal["running", "paused", "shutoff"]
) -> None:
    assert host.driver.ensure(replace(spec, power=power)).power == power
    copy = host.instances.parent / "copy"

    for _ in range(2):
        with host.copies.copied(spec.id, "disk") as pieces:
            copy.write_bytes(b"".join(pieces))

    assert virtual_size(copy, "qcow2") == 1 << 30
    assert run("qemu-img", "check", "-q", "-f", "qcow2", str(copy)) == ""
    assert [seen.power for seen in host.driver.observe()] == [power]
    assert not list(host.instances.glob("*/*.copy"))


def test_no_disk_of_no_guest_is_copied(host: Host, spec: GuestSpec) -> None:
    with pytest.raises(Refused), host.copies.copied(spec.id, "disk"):
        pass


def test_a_suspended_guest_goes_on(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)

    for _ in range(2):
        assert host.driver.ensure(replace(spec, power="suspended")).power == "suspended"
    assert [seen.power for seen in host.driver.observe()] == ["suspended"]

    assert host.driver.ensure(spec).power == "running"


def test_a_suspended_guest_that_is_turned_off_forgets(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)
    host.driver.ensure(replace(spec, power="suspended"))

    assert host.driver.ensure(replace(spec, power="shutoff")).power == "shutoff"
    assert host.driver.ensure(replace(spec, power="suspended")).power == "shutoff"


def test_a_suspended_guest_is_removed_with_its_memory(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)
    host.driver.ensure(replace(spec, power="suspended"))

    host.driver.remove(spec.id)

    assert not host.driver.observe()
    assert host.driver.ensure(spec).power == "running"


def test_a_rescue_disk_is_there_for_a_while(host: Host, spec: GuestSpec) -> None:
    host.driver.ensure(spec)
    rescue = replace(spec, disks=(*spec.disks, Disk("disk.rescue", 0, "blank")))

    first = _until_done(host, rescue)
    again = _until_done(host, spec)

    assert (first.power, again.power) == ("running", "running")
    assert not list(host.instances.glob("*/disk.rescue*"))
