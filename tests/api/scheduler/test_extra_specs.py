"""Which extra specs are taken."""

import pytest

from pileus.compute.extra_spec import check
from pileus.core.errors import BadRequest

from .fleet import Fleet


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hw:cpu_policy", "dedicated"),
        ("hw:cpu_policy", "mixed"),
        ("hw:cpu_dedicated_mask", "^0-1"),
        ("hw:cpu_realtime", "Yes"),
        ("hw:cpu_realtime_mask", "1-3"),
        ("hw:cpu_thread_policy", "isolate"),
        ("hw:numa_nodes", "2"),
        ("hw:numa_cpus.0", "0-3,^2"),
        ("hw:numa_mem.1", "1024"),
        ("hw:mem_page_size", "2MB"),
        ("hw:cpu_max_sockets", "2"),
        ("resources:CUSTOM_FPGA", "0"),
        ("trait:CUSTOM_GOLD", "forbidden"),
        ("resources1:VCPU", "1"),
        ("resources_GPU:VGPU", "1"),
        ("trait1:CUSTOM_GOLD", "required"),
        ("group_policy", "none"),
        ("pci_passthrough:alias", "gpu:1, nic:2"),
        ("capabilities:cpu_info:arch", "s== x86_64"),
        ("aggregate_instance_extra_specs:ssd", "<in> true"),
        ("own:key", "anything"),
        ("key1", "value1"),
    ],
)
def test_what_means_something_is_taken(key: str, value: str) -> None:
    check(key, value, (2, 86))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("hw:cpu_policy", "sharrred", "shared, dedicated or mixed"),
        ("hw:numa_nodes", "0", "a whole number from 1 on"),
        ("hw:numa_nodes", "two", "a whole number from 1 on"),
        ("hw:numa_cpus.0", "a-b", "processors' numbers"),
        ("hw:nothing", "1", "there is no extra spec 'hw:nothing'"),
        ("trait:CUSTOM_GOLD", "yes", "required or forbidden"),
        ("trait1:CUSTOM_GOLD", "yes", "required or forbidden"),
        ("resources1:VCPU", "x", "a whole number from 0 on"),
        ("group_policy", "both", "none or isolate"),
        ("pci_passthrough:alias", "gpu", "such as gpu:1"),
        ("resources:vcpu", "1", "there is no extra spec"),
        ("resources:VCPU", "-1", "a whole number from 0 on"),
        ("resources:VCPU", "\u0663", "a whole number from 0 on"),
    ],
)
def test_from_2_86_keys_and_values_are_checked(key: str, value: str, said: str) -> None:
    check(key, value, (2, 85))

    with pytest.raises(BadRequest, match=said):
        check(key, value, (2, 86))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pci_passthrough:other", "gpu:1"),
        ("hw:emulator_threads_policy", "isolate"),
        ("hw:mem_encryption", "true"),
        ("hw:tpm_version", "2.0"),
        ("hw:watchdog_action", "reset"),
        ("quota:cpu_shares", "10"),
        ("accel:device_profile", "fpga"),
    ],
)
@pytest.mark.parametrize("version", [(2, 1), (2, 96)])
def test_what_nothing_here_can_keep_is_refused(
    key: str, value: str, version: tuple[int, int]
) -> None:
    with pytest.raises(BadRequest, match="cannot be kept here"):
        check(key, value, version)


def test_a_wrong_one_among_several_leaves_the_flavor_as_it_was(fleet: Fleet) -> None:
    flavor = fleet.flavor("f")

    answer = fleet.specs(flavor, {"hw:cpu_policy": "shared", "hw:numa_nodes": "none"})

    assert answer.status_code == 400
    assert "hw:numa_nodes" in answer.json()["badRequest"]["message"]
    shown = fleet.call("GET", f"/flavors/{flavor}/os-extra_specs").json()
    assert shown == {"extra_specs": {}}


def test_one_spec_is_checked_like_several(fleet: Fleet) -> None:
    flavor, path = fleet.flavor("f"), "/flavors/f/os-extra_specs/hw:cpu_policy"

    old = fleet.call("PUT", path, {"hw:cpu_policy": "odd"}, version="2.85")
    new = fleet.call("PUT", path, {"hw:cpu_policy": "odd"}, version="2.86")

    assert (flavor, old.status_code, new.status_code) == ("f", 200, 400)
