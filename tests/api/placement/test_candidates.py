"""Allocation candidates in flat, nested and sharing providers."""

from typing import Any

from .conftest import Api

AGG = "a0000000-0000-4000-8000-000000000001"


def shares(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {p: one["resources"] for p, one in request["allocations"].items()}
        for request in found["allocation_requests"]
    ]


def test_flat_hosts_that_fit(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4, "MEMORY_MB": 100}, ("HW_CPU_X86_VMX",), (AGG,))
    two = api.provider(2, {"VCPU": 8, "MEMORY_MB": 100})
    api.provider(3, {"VCPU": 8})

    def hosts(query: str) -> set[str]:
        found = api.get(f"/allocation_candidates?resources=VCPU:2,MEMORY_MB:50{query}")
        return {p for request in shares(found) for p in request}

    assert hosts("") == {one, two}
    assert len(hosts("&limit=1")) == 1
    assert hosts("&required=HW_CPU_X86_VMX") == {one}
    assert hosts("&required=!HW_CPU_X86_VMX") == {two}
    assert hosts(f"&member_of={AGG}") == {one}
    assert hosts(f"&member_of=!{AGG}") == {two}
    assert hosts(f"&in_tree={two}") == {two}
    assert hosts("&root_required=!HW_CPU_X86_VMX") == {two}
    assert api.get("/allocation_candidates?resources=VCPU:9")["allocation_requests"] == []


def test_the_forms_of_old_versions(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4, "MEMORY_MB": 100}, ("HW_CPU_X86_VMX",))
    query = "/allocation_candidates?resources=VCPU:2"

    old, later, new = (api.at(v).get(query) for v in ("1.10", "1.17", "1.34"))

    assert old["allocation_requests"] == [
        {"allocations": [{"resource_provider": {"uuid": one}, "resources": {"VCPU": 2}}]}
    ]
    assert old["provider_summaries"] == {one: {"resources": {"VCPU": {"capacity": 4, "used": 0}}}}
    assert later["provider_summaries"][one]["traits"] == ["HW_CPU_X86_VMX"]
    assert new["allocation_requests"][0]["mappings"] == {"": [one]}
    assert set(new["provider_summaries"][one]["resources"]) == {"VCPU", "MEMORY_MB"}
    assert new["provider_summaries"][one]["root_provider_uuid"] == one
    assert api.at("1.9").call("GET", query).status_code == 404


def test_a_tree_gives_through_its_children(api: Api) -> None:
    root = api.provider(1, {"VCPU": 4})
    api.put("/traits/CUSTOM_LEFT", status=201)
    left = api.provider(2, {"VGPU": 1}, ("CUSTOM_LEFT",), parent=root)
    right = api.provider(3, {"VGPU": 2}, parent=root)
    path = "/allocation_candidates?resources=VCPU:1,VGPU:1"

    both = shares(api.get(path))
    one = shares(api.get(f"{path}&required=CUSTOM_LEFT"))
    old = api.at("1.28").get(path)["allocation_requests"]

    assert {frozenset(r) for r in both} == {frozenset({root, left}), frozenset({root, right})}
    assert [set(r) for r in one] == [{root, left}]
    assert old == []


def test_granular_groups_come_from_one_provider_each(api: Api) -> None:
    root = api.provider(1, {"VCPU": 4})
    left = api.provider(2, {"SRIOV_NET_VF": 2}, parent=root)
    right = api.provider(3, {"SRIOV_NET_VF": 1}, parent=root)
    groups = "resources=VCPU:1&resources1=SRIOV_NET_VF:1&resources2=SRIOV_NET_VF:1"
    path = f"/allocation_candidates?{groups}"

    apart = api.get(f"{path}&group_policy=isolate")["allocation_requests"]
    free = shares(api.get(f"{path}&group_policy=none"))

    assert {(r["mappings"]["1"][0], r["mappings"]["2"][0]) for r in apart} == {
        (left, right),
        (right, left),
    }
    assert {root: {"VCPU": 1}, left: {"SRIOV_NET_VF": 2}} in free
    assert not any(r.get(right) == {"SRIOV_NET_VF": 2} for r in free)
    assert api.call("GET", path).status_code == 400
    assert api.at("1.24").call("GET", path).status_code == 400


def test_groups_below_one_provider(api: Api) -> None:
    root = api.provider(1, {"VCPU": 4})
    nodes = [api.provider(10 + i, {"PCPU": 4}, parent=root) for i in (1, 2)]
    cards = [api.provider(20 + i, {"FPGA": 1}, parent=nodes[i]) for i in (0, 1)]
    path = "/allocation_candidates?resources_N=PCPU:1&resources_F=FPGA:1&group_policy=none"

    free = shares(api.get(path))
    close = shares(api.get(f"{path}&same_subtree=_N,_F"))

    assert len(free) == 4
    assert {frozenset(r) for r in close} == {
        frozenset(pair) for pair in zip(nodes, cards, strict=True)
    }


def test_shared_storage_gives_to_the_hosts_of_its_aggregate(api: Api) -> None:
    one = api.provider(1, {"VCPU": 4}, aggregates=(AGG,))
    api.provider(2, {"VCPU": 4})
    disk = api.provider(3, {"DISK_GB": 100}, ("MISC_SHARES_VIA_AGGREGATE",), (AGG,))

    found = api.get("/allocation_candidates?resources=VCPU:1,DISK_GB:10")

    assert shares(found) == [{one: {"VCPU": 1}, disk: {"DISK_GB": 10}}]
    assert set(found["provider_summaries"]) == {one, disk}


def test_queries_that_make_no_sense_are_refused(api: Api) -> None:
    for query in (
        "",
        "required=HW_CPU_X86_VMX",
        "resources=VCPU:1&limit=0",
        "resources=VCPU:1&limit=x",
        "resources=VCPU:1&bad=1",
        "resources=VCPU:1&required=HW_CPU_X86_VMX,!HW_CPU_X86_VMX",
        "resources=VCPU:1&group_policy=maybe",
        "resources=VCPU:1&required1=HW_CPU_X86_VMX",
        "resources=VCPU:1&same_subtree=1",
        "resources=VCPU:1&root_required=NOPE",
    ):
        assert api.call("GET", f"/allocation_candidates?{query}").status_code == 400, query


def test_a_group_without_resources_is_found_by_traits_alone(api: Api) -> None:
    root = api.provider(1, {"VCPU": 4}, ("HW_NUMA_ROOT",))
    other = api.provider(2, {"VCPU": 4})
    path = "/allocation_candidates?resources_A=VCPU:1&same_subtree=_A,_B&group_policy=none"

    by_trait = shares(api.get(f"{path}&required_B=HW_NUMA_ROOT"))
    elsewhere = shares(api.get(f"{path}&required_B=HW_NUMA_ROOT&in_tree_B={other}"))
    by_nothing = shares(api.get(f"{path}&required_B=!HW_NUMA_ROOT"))

    assert by_trait == elsewhere == [{root: {"VCPU": 1}}]
    assert by_nothing == []


def test_a_sharing_provider_is_itself_in_the_aggregates_asked_for(api: Api) -> None:
    more = AGG.replace("1", "2")
    one = api.provider(1, {"VCPU": 4}, aggregates=(AGG, more))
    sharing = ("MISC_SHARES_VIA_AGGREGATE",)
    near = api.provider(3, {"DISK_GB": 100}, sharing, (AGG, more))
    api.provider(4, {"DISK_GB": 100}, sharing, (AGG,))

    found = api.get(f"/allocation_candidates?resources=VCPU:1,DISK_GB:10&member_of={more}")

    assert shares(found) == [{one: {"VCPU": 1}, near: {"DISK_GB": 10}}]
