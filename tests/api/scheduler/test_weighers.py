"""Which of the hosts that fit is best."""

from pathlib import Path
from typing import Any

import pytest

from pileus.compute.scheduler import BadSettings, read_settings

from .fleet import Fleet


def test_the_host_with_most_memory_free_is_first(fleet: Fleet) -> None:
    fleet.hosts("a", "b")

    assert [fleet.place(fleet.flavor("big", ram=1536)), fleet.place()] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("cpu", {"vcpus": 64}),
        ("disk", {"disk_gb": 4000}),
        ("hypervisor_version", {"hypervisor_version": 9000000}),
    ],
)
def test_another_weigher_may_count_for_more(fleet: Fleet, name: str, facts: dict[str, int]) -> None:
    fleet.host("a")
    fleet.host("b", memory_mb=8192, **facts)
    assert fleet.place() == "a"

    fleet.settings(**{f"{name}_weight_multiplier": 2.0})

    assert fleet.place() == "b"


@pytest.mark.parametrize("name", ["io_ops", "num_instances"])
def test_hosts_that_have_less_to_do_come_first_by_a_negative_multiplier(
    fleet: Fleet, name: str
) -> None:
    fleet.hosts("a", "b")
    fleet.settings(ram_weight_multiplier=0.0, **{f"{name}_weight_multiplier": -1.0})

    assert [fleet.place() for _ in range(4)] == ["b", "a", "b", "a"]


def test_a_negative_multiplier_of_memory_packs(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.settings(ram_weight_multiplier=-1.0)

    assert [fleet.place() for _ in range(3)] == ["b", "b", "b"]


def test_an_aggregate_has_multipliers_of_its_own(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    fleet.aggregate("last", "a", "b", ram_weight_multiplier="-1")

    assert fleet.place() == "c"


def test_a_host_where_servers_could_not_be_made_comes_last(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.change("a", build_failures=2)

    assert fleet.place() == "b"
    fleet.change("b", disabled=True)
    assert fleet.place() == "a"
    fleet.change("b", disabled=False)
    fleet.settings(build_failure_weight_multiplier=0.0)
    assert fleet.place() == "a"


def test_failures_may_weigh_less_than_memory(fleet: Fleet) -> None:
    fleet.host("a", memory_mb=32768)
    fleet.host("b")
    fleet.host("c", memory_mb=8192)
    fleet.change("a", build_failures=1)
    fleet.change("c", build_failures=4)

    fleet.settings(build_failure_weight_multiplier=0.5)

    assert fleet.place() == "a"


def test_any_of_the_best_is_chosen_where_that_is_wished(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.host("c", memory_mb=4096)
    fleet.settings(host_subset_size=2)

    found = {fleet.place() for _ in range(16)}

    assert found == {"a", "b"}


def test_equals_are_shuffled_where_that_is_wished(fleet: Fleet) -> None:
    for name in ("a", "b"):
        fleet.host(name)
    usual = {fleet.place(fleet.flavor(f"f{i}", {"resources:MEMORY_MB": "0"})) for i in range(3)}
    fleet.settings(shuffle_best_same_weighed_hosts=True)

    found = {fleet.place("f0") for _ in range(16)}

    assert (usual, found) == ({"b"}, {"a", "b"})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("- a", "must be a map"),
        ("{", "cannot be read"),
        ("ram_weight: 1", "'ram_weight' is no setting"),
        ("ram_weight_multiplier: much", "must be a number, not 'much'"),
        ("ram_weight_multiplier: .inf", "must be a number, not inf"),
        ("host_subset_size: 0", "must be 1 or more"),
        ("host_subset_size: 1.5", "must be a whole number"),
        ("shuffle_best_same_weighed_hosts: 1", "true or false"),
        ("isolated_hosts: a", "a list of words"),
        ("enabled_filters: [RamFilter]", "there is no filter 'RamFilter'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, values: Any, said: str) -> None:
    file = tmp_path / "scheduler.yaml"
    file.write_text(values)

    with pytest.raises(BadSettings, match=said):
        read_settings(file)
