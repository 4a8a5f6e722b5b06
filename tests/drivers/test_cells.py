"""NUMA cells, as libvirt tells of the host's and is told of the guest's."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from test_compute_domain import SHAPE, SPEC
from test_simulated_compute import NoImages

from pileus.compute.driver import GuestCell, HostCell
from pileus.compute.drivers.cells import host_cells
from pileus.compute.drivers.domain import domain_xml
from pileus.compute.drivers.mark import Mark, digest
from pileus.compute.drivers.simulated import SimulatedCompute
from pileus.core.backend import Refused
from pileus.host.processors import parse, written

CAPABILITIES = """<capabilities><host><topology><cells num='2'>
<cell id='0'><memory unit='KiB'>4194304</memory>
  <pages unit='KiB' size='4'>1048576</pages><pages unit='KiB' size='2048'>512</pages>
  <pages unit='KiB' size='1048576'>0</pages>
  <cpus num='2'><cpu id='0' siblings='0,2'/><cpu id='2' siblings='0,2'/></cpus></cell>
<cell id='1'><memory unit='KiB'>2097152</memory>
  <cpus num='2'><cpu id='1' siblings='1'/><cpu id='3' siblings='3'/></cpus></cell>
</cells></topology></host></capabilities>"""
PINNED = GuestCell((0,), 256, 1, page_kib=2048, pins=((0, 5),))
FLOATING = GuestCell((1,), 256, 0, shared=(0, 1, 3))


def _xml(accelerator: str = "kvm", floating: str = "", **spec: object) -> ET.Element:
    wanted = replace(SPEC, **spec)  # type: ignore[arg-type]
    shape = replace(SHAPE, accelerator=accelerator, floating=floating)
    return ET.fromstring(domain_xml(wanted, Mark(1, 0, digest(wanted)), shape))


def _attributes(tree: ET.Element, path: str) -> list[dict[str, str]]:
    return [dict(element.attrib) for element in tree.iterfind(path)]


def test_the_host_has_the_cells_that_libvirt_tells_of() -> None:
    assert host_cells(CAPABILITIES, {2}) == (
        HostCell(0, (0, 2), 4096, siblings=((0, 2),), pages={"2048": 512}, dedicated=(2,)),
        HostCell(1, (1, 3), 2048),
    )


def test_a_dedicated_processor_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="no processors 7-8"):
        host_cells(CAPABILITIES, {2, 7, 8})


def test_a_guest_is_told_of_its_cells_and_kept_to_the_hosts() -> None:
    tree = _xml(cells=(PINNED, FLOATING), topology=(1, 2, 1))

    assert _attributes(tree, "cpu/topology") == [{"sockets": "1", "cores": "2", "threads": "1"}]
    assert [(c["id"], c["cpus"], c["memory"]) for c in _attributes(tree, "cpu/numa/cell")] == [
        ("0", "0", "262144"),
        ("1", "1", "262144"),
    ]
    assert [(m["cellid"], m["nodeset"]) for m in _attributes(tree, "numatune/memnode")] == [
        ("0", "1"),
        ("1", "0"),
    ]
    assert _attributes(tree, "cputune/vcpupin") == [
        {"vcpu": "0", "cpuset": "5"},
        {"vcpu": "1", "cpuset": "0-1,3"},
    ]
    assert _attributes(tree, "cputune/emulatorpin") == [{"cpuset": "0-1,3,5"}]
    assert _attributes(tree, "memoryBacking/hugepages/page") == [
        {"size": "2048", "unit": "KiB", "nodeset": "0"}
    ]


def test_a_mixed_guests_other_processors_run_among_the_shared_ones() -> None:
    mixed = GuestCell((0, 1), 512, 1, pins=((1, 5),), shared=(0, 2))

    tree = _xml(cells=(mixed,))

    assert _attributes(tree, "cputune/vcpupin") == [
        {"vcpu": "0", "cpuset": "0,2"},
        {"vcpu": "1", "cpuset": "5"},
    ]
    assert _attributes(tree, "cputune/emulatorpin") == [{"cpuset": "0,2,5"}]


def test_processors_in_real_time_are_left_alone_by_everything_else() -> None:
    quick = GuestCell((0, 1), 512, 1, pins=((0, 4), (1, 5)))

    tree = _xml(cells=(quick,), realtime=(1,))

    assert _attributes(tree, "cputune/vcpusched") == [
        {"vcpus": "1", "scheduler": "fifo", "priority": "1"}
    ]
    assert _attributes(tree, "cputune/emulatorpin") == [{"cpuset": "4"}]
    assert [one.tag for one in tree.iterfind("memoryBacking/*")] == ["nosharepages", "locked"]
    assert _attributes(tree, "features/pmu") == [{"state": "off"}]


@pytest.mark.skipif(
    shutil.which("xmllint") is None, reason="no xmllint here: `make ping` installs it"
)
@pytest.mark.parametrize("accelerator", ["kvm", "tcg"])
def test_the_definition_is_one_by_libvirts_schema(tmp_path: Path, accelerator: str) -> None:
    pinned = PINNED if accelerator == "kvm" else replace(PINNED, pins=(), shared=(4, 5))
    quick = (0,) if accelerator == "kvm" else ()
    tree = _xml(accelerator, cells=(pinned, FLOATING), topology=(1, 2, 1), realtime=quick)
    file = tmp_path / "domain.xml"
    file.write_bytes(ET.tostring(tree))

    done = subprocess.run(["virt-xml-validate", file, "domain"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_other_guests_keep_off_the_dedicated_processors() -> None:
    assert _attributes(_xml(floating="0-3"), "vcpu") == [{"cpuset": "0-3"}]
    assert _attributes(_xml(), "vcpu") == [{}]


def test_emulated_processors_are_kept_together_and_never_pinned() -> None:
    assert _attributes(_xml("tcg", cells=(FLOATING,)), "vcpu") == [{"cpuset": "0-1,3"}]
    with pytest.raises(Refused, match="emulates"):
        _xml("tcg", cells=(PINNED,))


def test_cells_are_part_of_a_guests_shape_and_none_leave_it_as_it_was() -> None:
    assert digest(replace(SPEC, cells=(PINNED,))) != digest(SPEC)
    assert digest(replace(SPEC, topology=(), cells=())) == digest(SPEC)


def test_a_simulated_processor_is_one_guests() -> None:
    host = SimulatedCompute("one", NoImages(), cells=(HostCell(0, (4, 5), 4096, dedicated=(5,)),))
    first = replace(SPEC, cells=(PINNED,), disks=())
    second = replace(first, id=SPEC.id.replace("6", "7"))
    host.ensure(first)

    with pytest.raises(Refused, match="cannot have the processors 5"):
        host.ensure(second)

    host.remove(first.id)
    host.ensure(second)
    with pytest.raises(Refused):
        host.ensure(replace(second, cells=(replace(PINNED, pins=((0, 4),)),)))


@pytest.mark.parametrize(
    ("text", "found", "back"),
    [("0-3,^2,8", {0, 1, 3, 8}, "0-1,3,8"), ("5", {5}, "5"), ("1-2, 4", {1, 2, 4}, "1-2,4")],
)
def test_processors_are_written_as_lists(text: str, found: set[int], back: str) -> None:
    assert (set(parse(text)), written(found)) == (found, back)


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,,2", "-1"])
def test_what_is_no_list_of_processors_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"list of processors|ends before"):
        parse(text)
