"""Allocation ratios that aggregates say."""

import pytest

from .fleet import Fleet


def test_hosts_of_an_aggregate_have_its_ratio(fleet: Fleet) -> None:
    fleet.host("a", vcpus=8)
    four = fleet.flavor("four", vcpus=4)
    number = fleet.aggregate("packed", "a", cpu_allocation_ratio="1.0")

    assert [fleet.place(four), fleet.place(four)] == ["a", "a"]
    assert "No valid host was found" in fleet.place(four)
    fleet.act_on(number, set_metadata={"metadata": {"cpu_allocation_ratio": "1.5"}})
    assert fleet.place(four) == "a"


def test_the_ratio_survives_the_hosts_reports(fleet: Fleet) -> None:
    fleet.host("a", memory_mb=4096)
    fleet.aggregate("packed", "a", ram_allocation_ratio="2")

    fleet.host("a", memory_mb=8192)

    half = fleet.flavor("half", ram=7000)
    assert [fleet.place(half), fleet.place(half)] == ["a", "a"]


def test_of_several_aggregates_the_smallest_counts_and_without_one_the_usual(fleet: Fleet) -> None:
    fleet.host("a", disk_gb=100)
    large = fleet.flavor("large", disk=90)
    fleet.aggregate("two", "a", disk_allocation_ratio="2")
    half = fleet.aggregate("half", "a", disk_allocation_ratio="0.5")

    assert "90 DISK_GB free left 1; enabled and up left 0" in fleet.place(large)
    fleet.act_on(half, remove_host={"host": "a"})
    assert [fleet.place(large), fleet.place(large)] == ["a", "a"]


@pytest.mark.parametrize("ratio", ["", "none", "0", "-1", "nan", "inf"])
def test_what_is_no_ratio_is_refused(fleet: Fleet, ratio: str) -> None:
    number = fleet.aggregate("odd")
    action = {"set_metadata": {"metadata": {"cpu_allocation_ratio": ratio}}}

    answer = fleet.call("POST", f"/os-aggregates/{number}/action", action)

    assert answer.status_code == 400
    assert "cpu_allocation_ratio" in answer.json()["badRequest"]["message"]


def test_a_host_that_is_too_full_for_a_ratio_is_not_taken_in(fleet: Fleet) -> None:
    fleet.host("a", vcpus=8)
    fleet.boot(fleet.flavor("wide", vcpus=8))
    number = fleet.aggregate("tight", cpu_allocation_ratio="0.5")

    answer = fleet.call("POST", f"/os-aggregates/{number}/action", {"add_host": {"host": "a"}})

    assert answer.status_code == 409
    assert "too full: 8 VCPU" in answer.json()["conflictingRequest"]["message"]
    assert fleet.call("GET", f"/os-aggregates/{number}").json()["aggregate"]["hosts"] == []
