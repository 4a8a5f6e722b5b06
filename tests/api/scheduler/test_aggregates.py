"""What the aggregates of hosts say about who may run there."""

import pytest

from pileus.compute.scheduler.filters.operators import matches

from .fleet import Fleet


def test_extra_specs_ask_for_metadata_of_an_aggregate(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("fast", "b", ssd="true")
    flavor = fleet.flavor("ssd", {"aggregate_instance_extra_specs:ssd": "true"})

    server_id = fleet.boot(flavor)

    assert fleet.host_of(server_id) == "b"
    assert ("in an aggregate with ssd true", 1) in fleet.steps(server_id)


def test_a_key_without_a_scope_asks_the_aggregates_too(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("fast", "b", ssd="true")

    assert fleet.place(fleet.flavor("ssd", {"ssd": "true"})) == "b"


@pytest.mark.parametrize(
    ("said", "asked", "fits"),
    [
        ("8", ">= 4", True),
        ("8", ">= 9", False),
        ("8", "= 4", True),
        ("8", "== 8", True),
        ("8", "!= 8", False),
        ("8", "< 9", True),
        ("8", "<= 7", False),
        ("8", "> 7", True),
        ("ten", ">= 4", False),
        ("b", "s== b", True),
        ("b", "s!= b", False),
        ("b", "s< c", True),
        ("b", "s<= a", False),
        ("b", "s> a", True),
        ("b", "s>= c", False),
        ("north-east", "<in> east", True),
        ("aes mmx", "<all-in> aes sse", False),
        ("red", "<or> red <or> blue", True),
        ("green", "<or> red <or> blue", False),
        ("red", "green", False),
    ],
)
def test_operators_compare_what_is_said_with_what_is_asked(
    said: str, asked: str, fits: bool
) -> None:
    assert matches(said, asked) == fits


def test_one_of_several_values_is_enough(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("some", "b", colour="red, green")
    flavor = fleet.flavor("asking", {"aggregate_instance_extra_specs:colour": "s== green"})

    assert fleet.place(flavor) == "b"


def test_an_aggregate_that_names_projects_is_for_those(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    demo, other = fleet.cloud.demo, fleet.cloud.other
    fleet.aggregate("others", "a", filter_tenant_id="x", filter_tenant_id2=other.project_id)

    server_id = fleet.boot()

    assert fleet.host_of(server_id) == "b"
    assert ("not kept by its aggregates for other projects", 1) in fleet.steps(server_id)
    assert fleet.place(client=other) == "a"
    assert demo.project_id != other.project_id


def test_an_aggregate_that_names_flavors_is_for_those(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("big", "a", instance_type="m1.large, big")
    big = fleet.flavor("big")

    assert (fleet.place(big), fleet.place()) == ("a", "b")


def test_an_aggregate_that_requires_traits_is_for_servers_that_do(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.traits("a", "CUSTOM_WINDOWS")
    fleet.aggregate("licensed", "a", trait__CUSTOM_WINDOWS="required")
    windows = fleet.flavor("windows", {"trait:CUSTOM_WINDOWS": "required"})

    assert (fleet.place(windows), fleet.place()) == ("a", "b")


def test_an_operator_may_switch_that_off(fleet: Fleet) -> None:
    fleet.hosts("a")
    fleet.settings(enable_isolated_aggregate_filtering=False)
    fleet.aggregate("licensed", "a", trait__CUSTOM_WINDOWS="required")

    assert fleet.place() == "a"


def test_an_aggregate_that_names_a_property_takes_images_that_have_it_so(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("windows", "a", os_distro="windows, w11")

    assert fleet.place(imageRef=fleet.image(os_distro="linux")) == "b"
    assert fleet.place(imageRef=fleet.image(os_distro="w11")) == "a"
    assert fleet.place(imageRef=fleet.image()) == "a"


def test_only_keys_of_the_namespace_isolate_images_where_there_is_one(fleet: Fleet) -> None:
    fleet.hosts("a")
    fleet.settings(aggregate_image_properties_isolation_namespace="own")
    fleet.aggregate("windows", "a", os_distro="windows")

    assert fleet.place(imageRef=fleet.image(os_distro="linux")) == "a"


def test_isolated_images_run_on_isolated_hosts_and_others_elsewhere(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    image = fleet.image()
    fleet.settings(isolated_hosts=["a"], isolated_images=[image])

    assert (fleet.place(), fleet.place(imageRef=image)) == ("b", "a")
    fleet.settings(
        isolated_hosts=["b"],
        isolated_images=[image],
        restrict_isolated_hosts_to_isolated_images=False,
    )
    assert (fleet.place(imageRef=image), fleet.place()) == ("b", "a")


def test_an_aggregate_may_say_how_many_servers_its_hosts_have(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("small", "a", max_instances_per_host="1")

    assert [fleet.place() for _ in range(3)] == ["a", "b", "b"]


def test_every_host_has_so_many_servers_where_that_filter_is_enabled(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("roomy", "b", max_instances_per_host="3")
    filters = ["NumInstancesFilter", "AggregateNumInstancesFilter"]
    fleet.settings(enabled_filters=filters, max_instances_per_host=1)

    found = [fleet.place() for _ in range(5)]

    assert found[:4] == ["a", "b", "b", "b"]
    assert "fewer servers than its aggregates' max_instances_per_host left 0" in found[4]


def test_a_busy_host_is_left_alone(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.aggregate("slow", "b", max_io_ops_per_host="1")
    fleet.settings(enabled_filters=["IoOpsFilter", "AggregateIoOpsFilter"], max_io_ops_per_host=2)

    first = fleet.boot()
    found = [fleet.place() for _ in range(3)]

    assert (fleet.host_of(first), found[:2]) == ("a", ["a", "b"])
    assert "No valid host was found" in found[2]
    fleet.settle(first)
    assert fleet.place() == "a"
