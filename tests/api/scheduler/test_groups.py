"""Server groups and hints: which servers are near which."""

from typing import Any

import pytest

from .fleet import Fleet


def test_members_of_an_affinity_group_share_a_host(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    group = {"group": fleet.group("affinity")}
    first = fleet.boot(hints=group)
    fleet.change("a", memory_mb=1)  # nothing that the choice goes by
    for _ in range(3):
        fleet.boot()

    server_id = fleet.boot(hints=group)

    assert fleet.host_of(first) == fleet.host_of(server_id) == "a"
    assert ("server group affinity", 1) in fleet.steps(server_id)


def test_members_of_an_anti_affinity_group_do_not(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    group = {"group": fleet.group("anti-affinity")}

    found = [fleet.place(hints=group) for _ in range(3)]

    assert found[:2] == ["a", "b"]
    assert "server group anti-affinity left 0" in found[2]


def test_servers_of_one_request_are_kept_apart_too(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    group = fleet.group("anti-affinity")

    fleet.boot(hints={"group": group}, min_count=3)

    servers = fleet.call("GET", "/servers/detail?all_tenants=1").json()["servers"]
    assert sorted(one["OS-EXT-SRV-ATTR:host"] for one in servers) == ["a", "b", "c"]


def test_a_rule_says_how_many_members_a_host_may_have(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    group = {"group": fleet.group("anti-affinity", max_server_per_host=2)}

    found = [fleet.place(hints=group) for _ in range(5)]

    assert found[:4] == ["a", "a", "b", "b"]
    assert "No valid host" in found[4]


@pytest.mark.parametrize(
    ("policy", "expected"), [("soft-affinity", "a"), ("soft-anti-affinity", "b")]
)
def test_soft_policies_are_followed_while_they_can_be(
    fleet: Fleet, policy: str, expected: str
) -> None:
    fleet.hosts("a", "b")
    group = {"group": fleet.group(policy)}

    assert fleet.place(hints=group) == "a"
    assert fleet.place(hints=group) == expected
    fleet.change(expected, disabled=True)
    assert fleet.place(hints=group) == {"a": "b", "b": "a"}[expected]


_LIVE = {"os-migrateLive": {"host": None, "block_migration": "auto"}}


@pytest.mark.parametrize("action", [{"migrate": None}, _LIVE])
def test_a_member_moves_to_a_host_without_another(fleet: Fleet, action: dict[str, Any]) -> None:
    fleet.hosts("a", "b", "c")
    group = {"group": fleet.group("anti-affinity")}
    moving, other = fleet.running(hints=group), fleet.running(hints=group)

    assert fleet.host_of(other) == "b"
    assert fleet.went(moving, **action) == "c"


def test_a_member_that_is_on_its_way_counts_on_both_hosts(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    group = {"group": fleet.group("anti-affinity")}
    moving = fleet.running(hints=group)
    assert fleet.went(moving, migrate=None) == "b"

    assert fleet.place(hints=group) == "c"


def test_a_member_of_an_affinity_group_cannot_leave_the_others(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    group = {"group": fleet.group("affinity")}
    alone = fleet.running(hints=group)
    fleet.boot(hints=group)

    assert "server group affinity left 0" in fleet.went(alone, migrate=None)


def test_the_only_member_of_an_affinity_group_may_move(fleet: Fleet) -> None:
    fleet.hosts("a", "b")

    assert fleet.went(fleet.running(hints={"group": fleet.group("affinity")}), migrate=None) == "b"


def test_a_resize_and_an_evacuation_keep_members_apart(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    group = {"group": fleet.group("anti-affinity")}
    first, second = fleet.running(hints=group), fleet.running(hints=group)
    fleet.change("a", forced_down=True)
    larger = fleet.flavor("larger", ram=15 * 1024)
    fleet.host("c", memory_mb=65536)

    assert fleet.went(first, evacuate={}) == "c"
    assert "server group anti-affinity left 0" in fleet.went(second, resize={"flavorRef": larger})


def test_hints_name_servers_to_be_near_or_far_from(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    first = fleet.boot()
    second = fleet.boot(hints={"different_host": first})

    assert fleet.host_of(second) == "b"
    assert fleet.place(hints={"different_host": [first, second]}) == "c"
    assert fleet.place(hints={"same_host": [second]}) == "b"


def test_a_query_is_a_condition_on_hosts_where_it_is_enabled(fleet: Fleet) -> None:
    fleet.host("a", vcpus=4, memory_mb=32768)
    fleet.host("b", vcpus=16)
    query = {"query": '["and", [">=", "$vcpus_total", 8], ["=", "$cpu_info.arch", "x86_64"]]'}

    refused = fleet.ask(hints=query)
    fleet.settings(enabled_filters=["JsonFilter"])

    assert refused.status_code == 400
    assert "JsonFilter" in refused.json()["badRequest"]["message"]
    assert fleet.place(hints=query) == "b"
    assert fleet.place(hints={"query": '["not", ["in", "$host", "b", "c"]]'}) == "a"


@pytest.mark.parametrize(
    "text", ["{", "[]", '"x"', '["near", 1, 2]', '["="]', '["not"]', '["and", 1]', "[" * 5000]
)
def test_what_is_no_condition_is_refused(fleet: Fleet, text: str) -> None:
    fleet.settings(enabled_filters=["JsonFilter"])

    answer = fleet.ask(hints={"query": text})

    assert answer.status_code == 400
    assert "query cannot be used" in answer.json()["badRequest"]["message"]


def test_a_hint_that_cannot_be_followed_is_refused(fleet: Fleet) -> None:
    answer = fleet.ask(hints={"build_near_host_ip": "192.0.2.7", "cidr": "/24"})

    assert answer.status_code == 400
    assert "build_near_host_ip" in answer.json()["badRequest"]["message"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hw_firmware_type", "uefi"),
        ("hw_tpm_version", "2.0"),
        ("os_secure_boot", "required"),
        ("hw_vif_model", "token-ring"),
        ("hw_machine_type", "virt"),
        ("hw_mem_encryption", "true"),
    ],
)
def test_hardware_that_no_guest_can_have_is_refused(fleet: Fleet, key: str, value: str) -> None:
    fleet.hosts("a")

    answer = fleet.ask(imageRef=fleet.image(**{key: value}))

    assert answer.status_code == 400
    assert key in answer.json()["badRequest"]["message"]
