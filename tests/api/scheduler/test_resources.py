"""Resource classes and traits that flavors, images and operators speak of."""

import pytest

from pileus.compute.host import host_id

from .fleet import Fleet

_METAL = {
    "resources:VCPU": "0",
    "resources:MEMORY_MB": "0",
    "resources:DISK_GB": "0",
    "resources:CUSTOM_BAREMETAL": "1",
}


def test_a_custom_class_is_claimed_instead_of_the_flavors_size(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.stock("b", "CUSTOM_BAREMETAL", total=1)
    metal = fleet.flavor("metal", _METAL, vcpus=9, ram=20000, disk=5000)

    server_id = fleet.boot(metal)

    assert fleet.host_of(server_id) == "b"
    assert fleet.held(server_id) == {host_id("b"): {"CUSTOM_BAREMETAL": 1}}
    assert ("1 CUSTOM_BAREMETAL free", 0) in fleet.steps(fleet.boot(metal))


def test_the_other_classes_are_claimed_as_the_flavor_says(fleet: Fleet) -> None:
    fleet.hosts("a")
    fleet.stock("a", "CUSTOM_FPGA", total=4)
    flavor = fleet.flavor("fpga", {"resources:CUSTOM_FPGA": "2", "resources:VCPU": "3"}, ram=1024)

    server_id = fleet.boot(flavor)

    assert fleet.held(server_id) == {
        host_id("a"): {"VCPU": 3, "MEMORY_MB": 1024, "DISK_GB": 1, "CUSTOM_FPGA": 2}
    }


def test_a_server_takes_its_custom_resources_with_it(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    for host in ("a", "c"):
        fleet.stock(host, "CUSTOM_FPGA", total=1)
    server_id = fleet.running(fleet.flavor("fpga", {"resources:CUSTOM_FPGA": "1"}))

    assert fleet.went(server_id, migrate=None) == "c"

    assert {id: held["CUSTOM_FPGA"] for id, held in fleet.held(server_id).items()} == {
        host_id("a"): 1,
        host_id("c"): 1,
    }


def test_what_an_operator_gave_a_provider_survives_the_hosts_reports(fleet: Fleet) -> None:
    fleet.hosts("a")
    fleet.stock("a", "CUSTOM_FPGA", total=4, reserved=1)
    fleet.traits("a", "CUSTOM_GOLD")

    fleet.host("a", vcpus=32)

    headers = {"OpenStack-API-Version": "placement 1.39"}
    path = f"/placement/resource_providers/{host_id('a')}"
    stock = fleet.cloud.admin.get(f"{path}/inventories", headers=headers).json()["inventories"]
    traits = fleet.cloud.admin.get(f"{path}/traits", headers=headers).json()["traits"]
    assert (stock["CUSTOM_FPGA"]["total"], stock["CUSTOM_FPGA"]["reserved"]) == (4, 1)
    assert (stock["VCPU"]["total"], "CUSTOM_GOLD" in traits) == (32, True)


def test_a_trait_that_the_host_reports_no_more_goes(fleet: Fleet) -> None:
    fleet.host("a", traits=("COMPUTE_IMAGE_TYPE_RAW", "HW_CPU_X86_AESNI"))

    fleet.host("a", traits=("COMPUTE_IMAGE_TYPE_RAW",))

    aes = fleet.flavor("aes", {"trait:HW_CPU_X86_AESNI": "required"})
    assert "has trait HW_CPU_X86_AESNI left 0" in fleet.place(aes)


def test_a_flavor_requires_and_forbids_traits(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.traits("b", "CUSTOM_GOLD")
    gold = fleet.flavor("gold", {"trait:CUSTOM_GOLD": "required"})
    plain = fleet.flavor("plain", {"trait:CUSTOM_GOLD": "forbidden"})
    fleet.change("a", build_failures=1)  # it would be the last choice

    server_id = fleet.boot(plain)

    assert (fleet.place(gold), fleet.host_of(server_id)) == ("b", "a")
    assert ("lacks trait CUSTOM_GOLD", 1) in fleet.steps(server_id)


def test_an_image_requires_traits(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.traits("b", "CUSTOM_GOLD")

    server_id = fleet.boot(imageRef=fleet.image(trait__CUSTOM_GOLD="required"))

    assert fleet.host_of(server_id) == "b"
    assert ("has trait CUSTOM_GOLD", 1) in fleet.steps(server_id)


@pytest.mark.parametrize(
    "action", [{"migrate": None}, {"os-migrateLive": {"host": None, "block_migration": "auto"}}]
)
def test_traits_are_asked_for_again_when_a_server_moves(
    fleet: Fleet, action: dict[str, object]
) -> None:
    fleet.hosts("a", "b", "c")
    fleet.traits("a", "CUSTOM_GOLD")
    fleet.traits("c", "CUSTOM_GOLD")
    server_id = fleet.running(fleet.flavor("gold", {"trait:CUSTOM_GOLD": "required"}))

    assert fleet.went(server_id, **action) == "c"


def test_traits_are_asked_for_again_when_a_server_is_evacuated(fleet: Fleet) -> None:
    fleet.hosts("a", "b", "c")
    fleet.traits("a", "CUSTOM_GOLD")
    fleet.traits("c", "CUSTOM_GOLD")
    server_id = fleet.running(fleet.flavor("gold", {"trait:CUSTOM_GOLD": "required"}))
    fleet.change("a", forced_down=True)

    assert fleet.went(server_id, evacuate={}) == "c"


def test_a_host_is_moved_from_where_a_resized_servers_traits_are_not(fleet: Fleet) -> None:
    fleet.hosts("a", "b")
    fleet.traits("b", "CUSTOM_GOLD")
    gold = fleet.flavor("gold", {"trait:CUSTOM_GOLD": "required"})
    plain, larger = fleet.running(), fleet.running()
    more = fleet.flavor("more", ram=1024)

    assert fleet.went(plain, resize={"flavorRef": gold}) == "b"
    assert fleet.went(larger, resize={"flavorRef": more}) == "a"


def test_capabilities_are_what_the_host_says_of_itself(fleet: Fleet) -> None:
    fleet.host("a", hypervisor_version=6002000, memory_mb=32768)
    fleet.host("b", hypervisor_version=8002000)
    new = fleet.flavor("new", {"capabilities:hypervisor_version": ">= 7000000"})
    arm = fleet.flavor("arm", {"capabilities:cpu_info:arch": "aarch64"})
    odd = fleet.flavor("odd", {"capabilities:nothing": "like this"})

    assert fleet.place(new) == "b"
    assert "cpu_info arch aarch64 left 0" in fleet.place(arm)
    assert "nothing like this left 0" in fleet.place(odd)


@pytest.mark.parametrize(
    ("properties", "asked"),
    [
        ({"hw_architecture": "aarch64"}, "image's architecture aarch64"),
        ({"img_hv_type": "xen"}, "image's hypervisor xen"),
        ({"hw_vm_mode": "exe"}, "image's mode exe"),
        ({"img_hv_requested_version": ">=9.0"}, "image's hypervisor version >=9.0"),
    ],
)
def test_an_image_is_for_hosts_of_its_kind(
    fleet: Fleet, properties: dict[str, str], asked: str
) -> None:
    fleet.hosts("a")

    said = fleet.place(imageRef=fleet.image(**properties))

    assert f"{asked} left 0" in said


def test_an_image_of_the_hosts_kind_finds_it(fleet: Fleet) -> None:
    fleet.host("a", hypervisor_type="QEMU", hypervisor_version=7002003)
    image = fleet.image(
        architecture="amd64",
        img_hv_type="kvm",
        hw_vm_mode="hvm",
        img_hv_requested_version=">=7.2, !=7.2.4, <8",
    )

    assert fleet.place(imageRef=image) == "a"


def test_a_guest_that_runs_goes_on_only_on_a_machine_like_its_own(fleet: Fleet) -> None:
    fleet.host("a", memory_mb=32768)
    fleet.host("b", accelerator="kvm")
    fleet.host("c", memory_mb=8192)
    server_id = fleet.running()
    live = {"host": None, "block_migration": "auto"}

    named = fleet.went(server_id, **{"os-migrateLive": live | {"host": "b"}})

    assert "a machine like host a (simulated, x86_64, simulated) left 0" in named
    assert fleet.went(server_id, **{"os-migrateLive": live}) == "c"
