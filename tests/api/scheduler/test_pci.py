"""PCI devices that guests have to themselves, by aliases in flavors."""

from typing import Any

import pytest

from pileus import placement
from pileus.compute import explain_flavor
from pileus.compute.driver import HostDevice
from pileus.compute.flows.guest import GUEST
from pileus.compute.host import host_id
from pileus.compute.pci.provider import provider_id
from pileus.compute.scheduler import BadSettings, Scheduler
from pileus.core.desired import find

from .fleet import Fleet

_CLASS = "CUSTOM_PCI_10DE_1EB8"
_ALIAS = {"name": "gpu", "vendor_id": "10de", "product_id": "1EB8"}
_ONE = {"pci_passthrough:alias": "gpu:1"}


def cards(count: int, *traits: str) -> tuple[HostDevice, ...]:
    return tuple(HostDevice(f"0000:8{n}:00.0", _CLASS, traits) for n in range(count))


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """One whose flavors may ask for GPUs."""
    fleet.settings(pci_alias=[_ALIAS])
    return fleet


def devices(fleet: Fleet, server_id: str, host: str = "") -> list[str]:
    """What the server's host is asked to give it."""
    name = host or str(fleet.host_of(server_id))
    row = fleet.cloud.app.db.read(lambda tx: find(tx, name, GUEST, server_id))
    assert row is not None and row.spec is not None
    return list(row.spec["devices"])


def test_a_device_is_a_provider_below_its_host(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1, "CUSTOM_FAST"))

    id = provider_id(host_id("a"), "0000:80:00.0")
    headers = {"OpenStack-API-Version": "placement 1.39"}
    path, admin = f"/placement/resource_providers/{id}", fleet.cloud.admin
    shown = admin.get(path, headers=headers).json()
    stock = admin.get(f"{path}/inventories", headers=headers).json()["inventories"]
    traits = admin.get(f"{path}/traits", headers=headers).json()["traits"]
    assert (shown["name"], shown["root_provider_uuid"]) == ("a_0000:80:00.0", host_id("a"))
    assert ({name: one["total"] for name, one in stock.items()}, traits) == (
        {_CLASS: 1},
        ["CUSTOM_FAST"],
    )


def test_each_guest_has_devices_of_its_own(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(3))
    one, two = fleet.flavor("one", _ONE), fleet.flavor("two", {"pci_passthrough:alias": "gpu:2"})

    first, second = fleet.boot(two), fleet.boot(one)

    assert devices(fleet, first) == ["0000:80:00.0", "0000:81:00.0"]
    assert devices(fleet, second) == ["0000:82:00.0"]
    assert fleet.held(second)[provider_id(host_id("a"), "0000:82:00.0")] == {_CLASS: 1}


def test_the_funnel_names_the_filter_of_devices(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1))
    fleet.hosts("b")
    one, two = fleet.flavor("one", _ONE), fleet.flavor("two", {"pci_passthrough:alias": "gpu:2"})

    few = fleet.steps(fleet.boot(two))
    said, none = fleet.place(one), fleet.place(one)

    assert ("PciPassthroughFilter: a device gpu", 1) in few
    assert ("PciPassthroughFilter: gpu:2, and all else together", 0) in few
    assert said == "a"
    assert "PciPassthroughFilter: a device gpu left 0" in none


def test_an_alias_may_ask_for_traits(fleet: Fleet) -> None:
    fleet.settings(pci_alias=[{"name": "gpu", "resource_class": "gpu", "traits": "fast"}])
    slow = HostDevice("0000:01:00.0", "CUSTOM_GPU")
    fast = HostDevice("0000:02:00.0", "CUSTOM_GPU", ("CUSTOM_FAST",))
    fleet.host("a", devices=(slow, fast))

    server_id = fleet.boot(fleet.flavor("one", _ONE))

    assert devices(fleet, server_id) == ["0000:02:00.0"]


def test_devices_go_with_groups_of_the_flavors_own(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(2))
    fpga = fleet.below("a", "fpga", FPGA=1)

    server_id = fleet.boot(fleet.flavor("both", _ONE | {"resources1:FPGA": "1"}))

    assert (devices(fleet, server_id), fpga in fleet.held(server_id)) == (["0000:80:00.0"], True)


@pytest.mark.parametrize(
    ("asked", "said"),
    [("tpu:1", "PCI alias tpu is not defined"), ("gpu:65", "more than 64 devices")],
)
def test_an_alias_that_cannot_be_kept_is_refused(fleet: Fleet, asked: str, said: str) -> None:
    answer = fleet.ask(fleet.flavor("odd", {"pci_passthrough:alias": asked}))

    assert answer.status_code == 400
    assert said in answer.json()["badRequest"]["message"]


def test_a_server_keeps_what_its_alias_meant(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1))
    fleet.host("b", memory_mb=8192, devices=cards(1))
    server_id = fleet.running(fleet.flavor("one", _ONE))
    fleet.settings()

    assert fleet.went(server_id, migrate=None) == "b"


def test_a_server_that_moves_has_a_device_on_both_hosts(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1))
    fleet.host("b", memory_mb=8192)
    fleet.host("c", memory_mb=4096, devices=cards(1))
    server_id = fleet.running(fleet.flavor("one", _ONE))

    assert fleet.went(server_id, migrate=None) == "c"

    held = fleet.held(server_id)
    assert [held[provider_id(host_id(host), "0000:80:00.0")] for host in "ac"] == [{_CLASS: 1}] * 2


def test_a_guest_with_a_device_does_not_move_while_it_runs(fleet: Fleet) -> None:
    for host in "ab":
        fleet.host(host, devices=cards(1))
    server_id = fleet.running(fleet.flavor("one", _ONE))
    live = {"os-migrateLive": {"host": None, "block_migration": "auto"}}

    said = fleet.went(server_id, **live)

    assert "has 0000:80:00.0 of host" in said


def test_an_evacuated_server_has_a_device_of_its_new_host(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1))
    fleet.host("b", memory_mb=8192, devices=(HostDevice("0000:07:00.0", _CLASS),))
    server_id = fleet.running(fleet.flavor("one", _ONE))
    fleet.change("a", forced_down=True)

    assert fleet.went(server_id, evacuate={}) == "b"

    assert provider_id(host_id("b"), "0000:07:00.0") in fleet.held(server_id)
    assert provider_id(host_id("a"), "0000:80:00.0") not in fleet.held(server_id)


def test_a_device_that_is_not_reported_any_more_goes_when_nobody_holds_it(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(2))
    flavor = fleet.flavor("one", _ONE)
    server_id = fleet.boot(flavor)

    fleet.host("a")
    below = fleet.cloud.app.db.read(lambda tx: placement.below(tx, host_id("a")))
    fleet.cloud.app.db.run(lambda tx: placement.release(tx, server_id))

    assert list(below.values()) == ["a_0000:80:00.0"]
    assert "PciPassthroughFilter: a device gpu left 0" in fleet.place(flavor)
    fleet.host("a")
    assert fleet.cloud.app.db.read(lambda tx: placement.below(tx, host_id("a"))) == {}


def test_a_device_that_is_back_is_anybodys_again(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1))
    flavor = fleet.flavor("one", _ONE)
    server_id = fleet.boot(flavor)
    fleet.host("a")

    fleet.host("a", devices=cards(1))
    fleet.cloud.app.db.run(lambda tx: placement.release(tx, server_id))

    assert fleet.place(flavor) == "a"


def test_a_report_leaves_what_an_operator_put_below_the_host(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1))
    fleet.below("a", "a_fpga", FPGA=1)

    fleet.host("a")

    below = fleet.cloud.app.db.read(lambda tx: placement.below(tx, host_id("a")))
    assert list(below.values()) == ["a_fpga"]


def test_explain_counts_with_devices(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(3))
    fleet.host("b", devices=cards(1))
    fleet.flavor("two", {"pci_passthrough:alias": "gpu:2"})
    scheduler = fleet.cloud.parts[Scheduler]

    found: dict[str, Any] = fleet.cloud.app.db.read(
        lambda tx: explain_flavor(tx, scheduler, "two", 2)
    )

    assert (found["fit"], found["limited_by"], found["each"][_CLASS]) == (1, {_CLASS: 1}, 2)


def test_hosts_with_fewer_free_devices_may_come_first(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(3))
    fleet.host("b", memory_mb=8192)
    fleet.host("c", memory_mb=4096, devices=cards(1))
    fleet.settings(pci_alias=[_ALIAS], pci_weight_multiplier=2.0)
    flavor = fleet.flavor("one", _ONE)

    found = [fleet.place(), fleet.place(flavor), fleet.place(flavor)]

    assert found == ["b", "c", "a"]


def test_a_guest_with_a_device_is_not_suspended(fleet: Fleet) -> None:
    fleet.host("a", devices=cards(1))
    server_id = fleet.running(fleet.flavor("one", _ONE))

    answer = fleet.act(server_id, suspend=None)

    assert answer.status_code == 409
    assert "0000:80:00.0" in answer.json()["conflictingRequest"]["message"]


@pytest.mark.parametrize(
    ("alias", "said"),
    [
        ({"name": "x"}, "needs a resource_class"),
        ({"name": "x", "vendor_id": "10de"}, "needs a resource_class"),
        ({"name": "x", "vendor_id": "gg", "product_id": "1eb8"}, "four hexadecimal digits"),
        ({"name": "a b", "resource_class": "x"}, "a name of letters"),
        ({"name": "x", "resource_class": "x", "numa_policy": "preferred"}, "means nothing here"),
        ("x", "is no map"),
        ([_ALIAS, _ALIAS], "two aliases gpu"),
    ],
)
def test_an_alias_that_is_none_is_refused_at_the_start(fleet: Fleet, alias: Any, said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        fleet.settings(pci_alias=alias)
