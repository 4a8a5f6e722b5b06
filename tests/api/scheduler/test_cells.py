"""NUMA cells and dedicated processors."""

from collections.abc import Sequence
from typing import Any

import pytest

from pileus import placement
from pileus.compute.driver import GuestCell, HostCell
from pileus.compute.flows.guest import GUEST
from pileus.compute.host import host_id
from pileus.compute.numa.pinning import taken
from pileus.compute.scheduler import Scheduler, resized, wish_of
from pileus.compute.server import Server
from pileus.core.db import Tx
from pileus.core.desired import find

from .fleet import Fleet


def cell(id: int, cpus: Sequence[int], dedicated: Sequence[int] = (), **more: Any) -> HostCell:
    return HostCell(id, tuple(cpus), 8192, dedicated=tuple(dedicated), **more)


def two_cells(dedicated: bool = True) -> tuple[HostCell, ...]:
    """Four processors each, of which three may be a guest's own."""
    low, high = (1, 2, 3), (5, 6, 7)
    return cell(0, range(4), low if dedicated else ()), cell(
        1, range(4, 8), high if dedicated else ()
    )


def spec_of(fleet: Fleet, server_id: str) -> dict[str, Any]:
    """What the server's host is asked for."""
    host = fleet.host_of(server_id)
    assert host is not None
    row = fleet.cloud.app.db.read(lambda tx: find(tx, host, GUEST, server_id))
    assert row is not None and row.spec is not None
    return dict(row.spec)


def pins(fleet: Fleet, server_id: str) -> list[int]:
    return [host for one in spec_of(fleet, server_id)["cells"] for _, host in one["pins"]]


_PINNED = {"hw:cpu_policy": "dedicated"}


def test_a_guest_has_dedicated_processors_to_itself(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    flavor = fleet.flavor("pinned", _PINNED, vcpus=2)

    first, second = fleet.boot(flavor), fleet.boot(flavor)
    third = fleet.place(flavor)

    assert fleet.held(first) == {host_id("a"): {"PCPU": 2, "MEMORY_MB": 512, "DISK_GB": 1}}
    assert (pins(fleet, first), pins(fleet, second)) == ([1, 2], [5, 6])
    assert "1 NUMA cell with enough dedicated processors and memory left 0" in third


def test_processors_that_are_given_back_are_free_again(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    flavor = fleet.flavor("pinned", _PINNED, vcpus=3)
    first = fleet.running(flavor)
    fleet.boot(flavor)
    fleet.host("b", cells=two_cells())
    assert fleet.went(first, migrate=None) == "b"
    assert "No valid host" in fleet.place(fleet.flavor("four", _PINNED, vcpus=4))
    third = fleet.boot(flavor)
    assert fleet.host_of(third) == "b"

    headers = {"OpenStack-API-Version": "placement 1.39"}
    fleet.cloud.admin.delete(f"/placement/allocations/{first}", headers=headers)

    assert pins(fleet, fleet.boot(flavor)) in ([1, 2, 3], [5, 6, 7])


def test_a_server_that_comes_back_with_another_flavor_has_no_cells(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    server_id = fleet.running(fleet.flavor("pinned", _PINNED, vcpus=3))
    scheduler = fleet.cloud.parts[Scheduler]
    plain = {"vcpus": 1, "ram": 64, "disk": 1, "ephemeral": 0, "swap": 0, "extra_specs": {}}

    def come_back(tx: Tx) -> dict[str, list[GuestCell]]:
        server = tx.get(Server, server_id)
        assert server is not None
        placement.release(tx, server.id)
        scheduler.place(tx, server, resized(wish_of(server), plain, 1))
        return taken(tx, "")

    assert fleet.cloud.app.db.run(come_back) == {}


def test_without_dedicated_processors_no_host_has_any(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells(dedicated=False))

    assert "1 PCPU free left 0" in fleet.place(fleet.flavor("pinned", _PINNED))


def test_an_image_may_ask_for_dedicated_processors_unless_the_flavor_forbids_it(
    fleet: Fleet,
) -> None:
    fleet.host("a", cells=two_cells())
    image = fleet.image(hw_cpu_policy="dedicated")
    shared = fleet.flavor("shared", {"hw:cpu_policy": "shared"})

    server_id, refused = fleet.boot(imageRef=image), fleet.ask(shared, imageRef=image)

    assert (pins(fleet, server_id), refused.status_code) == ([1], 400)
    assert "the flavor's are shared" in refused.json()["badRequest"]["message"]


_MIXED = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0"}


def test_a_mixed_guest_has_some_dedicated_processors_and_shares_the_rest(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    flavor = fleet.flavor("mixed", _MIXED, vcpus=3)

    server_id = fleet.boot(flavor)

    assert fleet.held(server_id) == {
        host_id("a"): {"PCPU": 2, "VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}
    }
    (one,) = spec_of(fleet, server_id)["cells"]
    assert (one["pins"], one["shared"]) == ([[1, 1], [2, 2]], [0])


def test_a_mixed_guest_finds_no_host_whose_dedicated_processors_are_gone(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    flavor = fleet.flavor("mixed", _MIXED, vcpus=4)
    for _ in range(2):
        fleet.boot(flavor)

    said = fleet.place(flavor)

    assert "3 PCPU free left 0" in said


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ({"hw:cpu_policy": "mixed"}, "hw:cpu_dedicated_mask must say"),
        (_MIXED | {"hw:cpu_dedicated_mask": "0-3"}, "at least one must be so"),
        (_MIXED | {"hw:cpu_dedicated_mask": "4"}, "at least one must be so"),
        (_MIXED | {"hw:cpu_dedicated_mask": "^0-3"}, "at least one must be so"),
        ({"hw:cpu_dedicated_mask": "1"}, "for hw:cpu_policy=mixed, not for none"),
        (_MIXED | {"hw:cpu_policy": "dedicated"}, "for hw:cpu_policy=mixed, not for dedicated"),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(
    fleet: Fleet, specs: dict[str, str], said: str
) -> None:
    fleet.host("a", cells=two_cells())

    answer = fleet.ask(fleet.flavor("odd", specs, vcpus=4))

    assert answer.status_code == 400
    assert said in answer.json()["badRequest"]["message"]


_REALTIME = {"hw:cpu_policy": "dedicated", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "^0"}


@pytest.mark.parametrize(
    ("specs", "dedicated", "realtime"),
    [
        (_REALTIME, 3, [1, 2]),
        (_REALTIME | {"hw:cpu_policy": "mixed"}, 2, [1, 2]),
        (_MIXED | {"hw:cpu_realtime": "True"}, 2, [1, 2]),
        (_MIXED | _REALTIME | {"hw:cpu_policy": "mixed", "hw:cpu_realtime_mask": "2"}, 2, [2]),
        (_MIXED | {"hw:cpu_realtime": "no"}, 2, []),
    ],
)
def test_some_dedicated_processors_run_in_real_time(
    fleet: Fleet, specs: dict[str, str], dedicated: int, realtime: list[int]
) -> None:
    fleet.host("a", cells=two_cells())

    server_id = fleet.boot(fleet.flavor("quick", specs, vcpus=3))

    assert fleet.held(server_id)[host_id("a")]["PCPU"] == dedicated
    assert spec_of(fleet, server_id)["realtime"] == realtime


def test_an_image_says_which_of_them(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    flavor = fleet.flavor("quick", _REALTIME, vcpus=3)

    server_id = fleet.boot(flavor, imageRef=fleet.image(hw_cpu_realtime_mask="2"))

    assert spec_of(fleet, server_id)["realtime"] == [2]


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ({"hw:cpu_realtime": "yes"}, "needs hw:cpu_policy dedicated or mixed"),
        ({"hw:cpu_realtime": "yes", "hw:cpu_policy": "dedicated"}, "mask must say"),
        (_REALTIME | {"hw:cpu_realtime_mask": "0-2"}, "at least one must be so"),
        (_REALTIME | {"hw:cpu_realtime": "no"}, "is for hw:cpu_realtime=yes"),
        (
            _MIXED | _REALTIME | {"hw:cpu_policy": "mixed", "hw:cpu_realtime_mask": "0"},
            "that are not dedicated",
        ),
    ],
)
def test_real_time_that_cannot_be_meant_is_refused(
    fleet: Fleet, specs: dict[str, str], said: str
) -> None:
    fleet.host("a", cells=two_cells())

    answer = fleet.ask(fleet.flavor("odd", specs, vcpus=3))

    assert answer.status_code == 400
    assert said in answer.json()["badRequest"]["message"]


def test_an_image_cannot_have_all_of_a_mixed_flavors_processors_dedicated(fleet: Fleet) -> None:
    flavor = fleet.flavor("mixed", _MIXED, vcpus=2)

    refused = fleet.ask(flavor, imageRef=fleet.image(hw_cpu_policy="dedicated"))

    assert refused.status_code == 400
    assert "the flavor's are mixed" in refused.json()["badRequest"]["message"]


def test_each_guest_cell_is_on_a_host_cell_of_its_own(fleet: Fleet) -> None:
    fleet.host("a", memory_mb=65536)
    fleet.host("b", cells=two_cells(dedicated=False))
    flavor = fleet.flavor("two", {"hw:numa_nodes": "2"}, vcpus=4, ram=4096)

    server_id = fleet.boot(flavor)

    assert fleet.host_of(server_id) == "b"
    assert ("2 NUMA cells with enough processors and memory", 1) in fleet.steps(server_id)
    found = spec_of(fleet, server_id)["cells"]
    assert [(one["host"], one["cpus"], one["memory_mb"]) for one in found] == [
        (0, [0, 1], 2048),
        (1, [2, 3], 2048),
    ]
    assert found[1]["shared"] == [4, 5, 6, 7]


def test_memory_of_a_cell_is_never_promised_twice(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells(dedicated=False))
    flavor = fleet.flavor("large", {"hw:numa_nodes": "1"}, ram=5000)

    assert [fleet.place(flavor), fleet.place(flavor)] == ["a", "a"]
    assert "1 NUMA cell with enough processors and memory left 0" in fleet.place(flavor)


def test_uneven_cells_are_as_the_flavor_says(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells(dedicated=False))
    specs = {
        "hw:numa_nodes": "2",
        "hw:numa_cpus.0": "0",
        "hw:numa_mem.0": "1024",
        "hw:numa_cpus.1": "1-3,^0",
        "hw:numa_mem.1": "3072",
    }

    server_id = fleet.boot(fleet.flavor("uneven", specs, vcpus=4, ram=4096))

    found = spec_of(fleet, server_id)["cells"]
    assert [(one["cpus"], one["memory_mb"]) for one in found] == [([0], 1024), ([1, 2, 3], 3072)]


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ({"hw:numa_nodes": "3"}, "cannot be shared out evenly"),
        ({"hw:numa_nodes": "99"}, "at most 16"),
        ({"hw:numa_nodes": "2", "hw:numa_cpus.0": "0"}, "said of each cell, or of none"),
        ({"hw:numa_cpus.0": "0"}, "hw:numa_nodes says how many"),
        ({"hw:cpu_thread_policy": "require"}, "one for dedicated processors"),
        (
            {"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-1", "hw:numa_mem.0": "512"},
            "each of the processors 0 to 3",
        ),
        (
            {"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-3", "hw:numa_mem.0": "500"},
            "adds up to 512 MB",
        ),
        ({"hw:cpu_sockets": "3"}, "cannot be arranged as asked: 3 sockets"),
        (
            {"hw:cpu_max_sockets": "1", "hw:cpu_max_cores": "2", "hw:cpu_max_threads": "1"},
            "at most 2 cores",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(fleet: Fleet, specs: dict[str, str], said: str) -> None:
    flavor = fleet.flavor("odd", specs, vcpus=4)

    answer = fleet.ask(flavor)

    assert answer.status_code == 400
    assert said in answer.json()["badRequest"]["message"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("isolate", "plain"), ("require", "threaded"), ("prefer", "threaded")],
)
def test_threads_of_a_core_are_wanted_or_shunned(fleet: Fleet, policy: str, expected: str) -> None:
    threads = ((0, 4), (1, 5), (2, 6), (3, 7))
    fleet.host("plain", cells=(cell(0, range(8), range(8)),), memory_mb=8192)
    fleet.host("threaded", cells=(cell(0, range(8), range(8), siblings=threads),))
    flavor = fleet.flavor("f", _PINNED | {"hw:cpu_thread_policy": policy}, vcpus=2)

    server_id = fleet.boot(flavor)

    assert fleet.host_of(server_id) == expected
    assert pins(fleet, server_id) == ([0, 4] if expected == "threaded" else [0, 1])


@pytest.mark.parametrize(
    ("asked", "page"),
    [("large", 1048576), ("2MB", 2048), ("2048", 2048), ("any", 1048576), ("small", 0)],
)
def test_memory_is_made_of_pages_of_the_size_asked_for(fleet: Fleet, asked: str, page: int) -> None:
    fleet.host("a", memory_mb=65536)
    pages = {"2048": 1024, "1048576": 2}
    fleet.host("b", cells=(cell(0, range(8), pages=pages),))
    flavor = fleet.flavor("paged", {"hw:mem_page_size": asked}, ram=2048)

    server_id = fleet.boot(flavor)

    assert fleet.host_of(server_id) == "b"
    assert [one["page_kib"] for one in spec_of(fleet, server_id)["cells"]] == [page]


def test_large_pages_run_out(fleet: Fleet) -> None:
    fleet.host("a", cells=(cell(0, range(8), pages={"2048": 1024}),))
    flavor = fleet.flavor("paged", {"hw:mem_page_size": "large"}, ram=2048)

    assert fleet.place(flavor) == "a"
    assert "NUMA cell" in fleet.place(flavor)


def test_an_image_chooses_pages_where_its_flavor_lets_it(fleet: Fleet) -> None:
    fleet.host("a", cells=(cell(0, range(8), pages={"2048": 1024}),))
    image = fleet.image(hw_mem_page_size="2MB")
    open_, closed = fleet.flavor("open", {"hw:mem_page_size": "any"}), fleet.flavor("closed")

    server_id, refused = fleet.boot(open_, imageRef=image), fleet.ask(closed, imageRef=image)

    assert spec_of(fleet, server_id)["cells"][0]["page_kib"] == 2048
    assert refused.status_code == 400


def test_cells_are_looked_for_again_when_a_server_moves_and_not_while_it_runs(
    fleet: Fleet,
) -> None:
    fleet.host("a", cells=two_cells(), memory_mb=32768)
    fleet.host("b")
    fleet.host("c", cells=two_cells(), memory_mb=8192)
    server_id = fleet.running(fleet.flavor("pinned", _PINNED, vcpus=2))

    live = fleet.went(server_id, **{"os-migrateLive": {"host": None, "block_migration": "auto"}})

    assert "`migrate` moves it while it is off" in live
    assert fleet.went(server_id, migrate=None) == "c"


def test_a_server_with_cells_is_resized_on_another_host(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    server_id = fleet.running(fleet.flavor("pinned", _PINNED, vcpus=2))
    more = fleet.flavor("more", _PINNED, vcpus=3)

    alone = fleet.went(server_id, resize={"flavorRef": more})
    fleet.host("b", cells=two_cells(), memory_mb=8192)

    assert "No valid host was found" in alone
    assert fleet.went(server_id, resize={"flavorRef": more}) == "b"


def test_a_rebuild_keeps_the_cells(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    server_id = fleet.running()
    image = fleet.image(hw_numa_nodes="1")

    answer = fleet.act(server_id, rebuild={"imageRef": image})

    assert answer.status_code == 400
    assert "other NUMA cells" in answer.json()["badRequest"]["message"]


@pytest.mark.parametrize(
    ("specs", "shape"),
    [
        ({}, []),
        ({"hw:cpu_sockets": "2"}, [2, 2, 1]),
        ({"hw:cpu_cores": "4"}, [1, 4, 1]),
        ({"hw:cpu_threads": "2"}, [2, 1, 2]),
        ({"hw:cpu_max_sockets": "1"}, [1, 4, 1]),
        ({"hw:max_cpu_sockets": "2", "hw:cpu_max_cores": "1"}, [2, 1, 2]),
    ],
)
def test_a_guests_processors_are_arranged_as_asked(
    fleet: Fleet, specs: dict[str, str], shape: list[int]
) -> None:
    fleet.hosts("a")

    server_id = fleet.boot(fleet.flavor("f", specs, vcpus=4))

    assert spec_of(fleet, server_id)["topology"] == shape


def test_an_image_arranges_them_within_what_the_flavor_allows(fleet: Fleet) -> None:
    fleet.hosts("a")
    flavor = fleet.flavor("f", {"hw:cpu_max_sockets": "2"}, vcpus=4)

    within = fleet.boot(flavor, imageRef=fleet.image(hw_cpu_sockets="1"))
    beyond = fleet.ask(flavor, imageRef=fleet.image(hw_cpu_sockets="4"))

    assert (spec_of(fleet, within)["topology"], beyond.status_code) == ([1, 4, 1], 400)


def test_as_many_are_said_to_fit_as_the_cells_have_room_for(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    fleet.flavor("pinned", _PINNED, vcpus=2)
    key = (fleet.cloud.config.state / "control.key").read_text()

    answer = fleet.cloud.admin.get(
        "/pileus/explain?flavor=pinned&count=3", headers={"X-Pileus-Key": key}
    )

    found = answer.json()
    assert (found["fit"], found["limited_by"]) == (2, {"NUMA cells": 1})


def test_a_simulated_cloud_has_cells_of_its_own(fleet: Fleet) -> None:
    fleet.change("host-1", disabled=False)

    server_id = fleet.boot(fleet.flavor("two", {"hw:numa_nodes": "2"}, vcpus=2))

    assert [one["host"] for one in spec_of(fleet, server_id)["cells"]] == [0, 1]


def test_dedicated_processors_count_as_used(fleet: Fleet) -> None:
    fleet.host("a", cells=two_cells())
    fleet.boot(fleet.flavor("pinned", _PINNED, vcpus=2))

    shown = fleet.call("GET", "/os-hypervisors/detail", version="2.87").json()["hypervisors"]

    assert [one["vcpus_used"] for one in shown if one["hypervisor_hostname"] == "a"] == [2]
