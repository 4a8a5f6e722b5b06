"""Groups of resources that one provider of a host's gives, by a flavor's suffixes."""

from typing import Any

import pytest

from pileus.app import INVARIANTS
from pileus.compute import explain_flavor
from pileus.compute.host import host_id
from pileus.compute.scheduler import Scheduler
from pileus.core.audit import audit

from .fleet import Fleet

_FPGA = {"resources1:FPGA": "1"}
_TWO = {"resources1:FPGA": "1", "resources2:FPGA": "1"}


def usual(fleet: Fleet, server_id: str, host: str) -> dict[str, int]:
    return fleet.held(server_id)[host_id(host)]


def explained(fleet: Fleet, flavor: str, count: int = 1) -> dict[str, Any]:
    scheduler = fleet.cloud.parts[Scheduler]
    return fleet.cloud.app.db.read(lambda tx: explain_flavor(tx, scheduler, flavor, count))


def violations(fleet: Fleet) -> list[Any]:
    app = fleet.cloud.app
    rules = [one for one in INVARIANTS if one.id in ("I1", "I2")]
    return app.db.read(lambda tx: audit(rules, app.parts, tx))


def test_a_group_is_claimed_of_one_provider_below_the_host(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    card = fleet.below("b", "card", FPGA=1)
    flavor = fleet.flavor("fpga", _FPGA)

    server_id = fleet.boot(flavor)

    assert fleet.host_of(server_id) == "b"
    assert fleet.held(server_id) == {
        host_id("b"): {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1},
        card: {"FPGA": 1},
    }
    assert ("1 FPGA free, in group 1", 0) in fleet.steps(fleet.boot(flavor))
    assert violations(fleet) == []


def test_a_groups_traits_are_those_of_the_provider_that_gives_it(fleet: Fleet) -> None:
    fleet.hosts("a")
    slow = fleet.below("a", "slow", "CUSTOM_SLOW", FPGA=1)
    fast = fleet.below("a", "fast", "CUSTOM_FAST", FPGA=1)
    quick = fleet.flavor("quick", _FPGA | {"trait1:CUSTOM_FAST": "required"})
    other = fleet.flavor("other", _FPGA | {"trait1:CUSTOM_FAST": "forbidden"})

    first, second, third = fleet.boot(quick), fleet.boot(other), fleet.boot(quick)

    assert (fast in fleet.held(first), slow in fleet.held(second)) == (True, True)
    assert ("1 FPGA free, with CUSTOM_FAST, in group 1", 0) in fleet.steps(third)
    assert ("1 FPGA free, without CUSTOM_FAST, in group 1", 0) in fleet.steps(second)


def test_groups_are_isolated_only_where_the_flavor_says_so(fleet: Fleet) -> None:
    fleet.hosts("a")
    fleet.below("a", "twin", FPGA=2)
    near = fleet.flavor("near", _TWO | {"group_policy": "none"})
    apart = fleet.flavor("apart", _TWO | {"group_policy": "isolate"})

    said, server_id = fleet.place(apart), fleet.boot(near)

    assert "all of it together left 0" in said
    assert sorted(map(len, fleet.held(server_id).values())) == [1, 3]
    assert {"FPGA": 2} in fleet.held(server_id).values()


def test_isolated_groups_have_a_provider_each(fleet: Fleet) -> None:
    fleet.hosts("a")
    cards = {fleet.below("a", f"card{n}", FPGA=2) for n in range(2)}

    server_id = fleet.boot(fleet.flavor("apart", _TWO | {"group_policy": "isolate"}))

    held = fleet.held(server_id)
    assert {id: held[id] for id in cards} == {id: {"FPGA": 1} for id in cards}


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (_TWO, "no group_policy"),
        ({"trait1:CUSTOM_FAST": "required"}, "no resources1:"),
        ({"trait1:CUSTOM_FAST": "required", "resources1:FPGA": "0"}, "no resources1:"),
    ],
)
def test_groups_that_cannot_be_meant_are_refused(
    fleet: Fleet, specs: dict[str, str], said: str
) -> None:
    answer = fleet.ask(fleet.flavor("odd", specs))

    assert answer.status_code == 400
    assert said in answer.json()["badRequest"]["message"]


def test_a_class_that_a_group_names_is_not_taken_by_the_size_too(fleet: Fleet) -> None:
    fleet.hosts("a")
    flavor = fleet.flavor("f", {"resources1:VCPU": "3", "resources_X:MEMORY_MB": "0"}, ram=1024)

    server_id = fleet.boot(flavor)

    assert fleet.held(server_id) == {host_id("a"): {"VCPU": 3, "DISK_GB": 1}}


def test_what_has_no_suffix_may_come_from_below_the_host(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    plain = fleet.below("a", "plain", VGPU=4)
    gold = fleet.below("b", "gold", "CUSTOM_GOLD", VGPU=4)
    flavor = fleet.flavor("vgpu", {"resources:VGPU": "1"})

    one, other = (
        fleet.boot(flavor),
        fleet.boot(flavor, imageRef=fleet.image(trait__CUSTOM_GOLD="required")),
    )

    assert (fleet.held(one)[plain], fleet.held(other)[gold]) == ({"VGPU": 1}, {"VGPU": 1})


def test_several_servers_of_one_request_never_have_one_device(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    cards = [fleet.below(host, f"{host}{n}", FPGA=1) for host in "ab" for n in range(2)]
    flavor = fleet.flavor("fpga", _FPGA)

    fleet.ask(flavor, min_count=4, max_count=4)

    found = fleet.call("GET", "/servers/detail?all_tenants=1").json()["servers"]
    hosts = [one["OS-EXT-SRV-ATTR:host"] for one in found]
    held = [id for one in found for id in fleet.held(one["id"]) if id in cards]
    assert (sorted(hosts), sorted(held)) == (["a", "a", "b", "b"], sorted(cards))
    # The second goes where most memory is left once the first is there.
    assert [hosts[found.index(one)] for one in sorted(found, key=lambda s: s["name"])][:2] == [
        "a",
        "a",
    ]
    assert violations(fleet) == []


@pytest.mark.parametrize(
    "action", [{"migrate": None}, {"os-migrateLive": {"host": None, "block_migration": "auto"}}]
)
def test_a_server_that_moves_holds_its_groups_on_both_hosts(
    fleet: Fleet, action: dict[str, Any]
) -> None:
    fleet.hosts("a", "b", "c")
    first, second = fleet.below("a", "one", FPGA=1), fleet.below("c", "two", FPGA=1)
    server_id = fleet.running(fleet.flavor("fpga", _FPGA))

    assert fleet.went(server_id, **action) == "c"

    held = fleet.held(server_id)
    assert held.keys() == {host_id("a"), first, host_id("c"), second}
    assert violations(fleet) == []


def test_an_evacuated_server_holds_nothing_below_its_old_host(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    fleet.below("a", "one", FPGA=1)
    second = fleet.below("c", "two", FPGA=1)
    server_id = fleet.running(fleet.flavor("fpga", _FPGA))
    fleet.change("a", forced_down=True)

    assert fleet.went(server_id, evacuate={}) == "c"

    assert fleet.held(server_id).keys() == {host_id("c"), second}
    assert violations(fleet) == []


def test_a_resize_on_the_host_keeps_equal_groups(fleet: Fleet) -> None:
    fleet.hosts("a")
    card = fleet.below("a", "card", FPGA=1)
    server_id = fleet.running(fleet.flavor("fpga", _FPGA))
    larger = fleet.flavor("larger", _FPGA, ram=1024)

    assert fleet.went(server_id, resize={"flavorRef": larger}) == "a"

    held = fleet.held(server_id)
    assert (held[card], held[host_id("a")]["MEMORY_MB"]) == ({"FPGA": 1}, 1024)
    assert violations(fleet) == []


def test_a_resize_to_less_than_is_held_below_the_host_goes_to_another(fleet: Fleet) -> None:
    fleet.host("a", vcpus=1)
    fleet.host("b", memory_mb=8192)
    fleet.below("a", "more", FPGA=1, VCPU=8)
    fleet.below("b", "card", FPGA=1)
    server_id = fleet.running(fleet.flavor("large", _FPGA, vcpus=8))
    small = fleet.flavor("small", _FPGA, vcpus=1)

    assert {"FPGA": 1, "VCPU": 8} in fleet.held(server_id).values()
    assert fleet.went(server_id, resize={"flavorRef": small}) == "b"


def test_more_groups_than_can_be_searched_are_refused(fleet: Fleet) -> None:
    many = {f"resources{number}:FPGA": "1" for number in range(65)}

    answer = fleet.ask(fleet.flavor("many", many | {"group_policy": "none"}))

    assert answer.status_code == 400
    assert "more than 64 groups" in answer.json()["badRequest"]["message"]


def test_a_resize_to_other_groups_goes_to_another_host(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    for host in "ab":
        fleet.below(host, f"card {host}", FPGA=4)
    server_id = fleet.running(fleet.flavor("fpga", _FPGA))
    two = fleet.flavor("two", {"resources1:FPGA": "2"})

    assert fleet.went(server_id, resize={"flavorRef": two}) == "b"

    assert sorted(one["FPGA"] for one in fleet.held(server_id).values() if "FPGA" in one) == [1, 2]
    assert violations(fleet) == []


def test_a_rebuild_keeps_the_groups_and_asks_for_the_images_traits(fleet: Fleet) -> None:
    fleet.hosts("a")
    card = fleet.below("a", "card", "CUSTOM_GOLD", FPGA=1)
    server_id = fleet.running(fleet.flavor("fpga", _FPGA))
    gold, red = (fleet.image(**{f"trait__CUSTOM_{x}": "required"}) for x in ("GOLD", "RED"))

    refused = fleet.act(server_id, rebuild={"imageRef": red})
    rebuilt = fleet.act(server_id, rebuild={"imageRef": gold})

    assert (refused.status_code, rebuilt.status_code) == (400, 202)
    assert fleet.held(server_id)[card] == {"FPGA": 1}
    assert violations(fleet) == []


def test_explain_counts_with_the_groups(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    for number in range(3):
        fleet.below("a", f"a{number}", FPGA=1)
    fleet.below("b", "b0", FPGA=1)
    one = fleet.flavor("one", _FPGA)
    two = fleet.flavor("two", _TWO | {"group_policy": "none"})

    first, second = explained(fleet, one, 5), explained(fleet, two)

    assert (first["fit"], first["enough"], first["hosts"]) == (4, False, 2)
    assert (first["limited_by"], first["each"]["FPGA"]) == ({"FPGA": 2}, 1)
    assert (second["fit"], second["hosts"]) == (1, 1)


def test_a_host_without_servers_is_forgotten_with_what_is_below_it(fleet: Fleet) -> None:
    fleet.hosts("a")
    card = fleet.below("a", "card", FPGA=1)
    services = fleet.call("GET", "/os-services?host=a").json()["services"]

    gone = fleet.call("DELETE", f"/os-services/{services[0]['id']}")

    headers = {"OpenStack-API-Version": "placement 1.39"}
    path = f"/placement/resource_providers/{card}"
    assert (gone.status_code, fleet.cloud.admin.get(path, headers=headers).status_code) == (
        204,
        404,
    )


def test_one_device_too_few_is_seen_at_once(fleet: Fleet) -> None:
    fleet.hosts("a")
    for number in range(20):
        fleet.below("a", f"card{number}", FPGA=1)
    many = {f"resources{n}:FPGA": "1" for n in range(21)}

    said = fleet.place(fleet.flavor("many", many | {"group_policy": "none"}))

    assert "all of it together left 0" in said


def test_twenty_of_twenty_devices_are_found(fleet: Fleet) -> None:
    fleet.hosts("a")
    for number in range(20):
        fleet.below("a", f"card{number}", FPGA=1)
    many = {f"resources{n}:FPGA": "1" for n in range(20)}

    assert fleet.place(fleet.flavor("many", many | {"group_policy": "none"})) == "a"
