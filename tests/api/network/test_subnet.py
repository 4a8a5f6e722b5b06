"""Subnets: what is a subnet, and what no subnet can be."""

import pytest

from .conftest import Net


def test_gateway_pools_and_metadata_address(net: Net) -> None:
    network, subnet = net.network("10.0.0.0/24")

    shown = net.get(f"subnets/{subnet}")["subnet"]

    assert shown["gateway_ip"] == "10.0.0.1"
    assert shown["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    ports = net.get("ports", network_id=network)["ports"]
    assert [port["device_owner"] for port in ports] == ["network:distributed"]
    assert ports[0]["fixed_ips"][0]["subnet_id"] == subnet


def test_gateway_in_the_middle_splits_the_pool(net: Net) -> None:
    _, subnet = net.network("10.0.0.0/29", gateway_ip="10.0.0.3")

    pools = net.get(f"subnets/{subnet}")["subnet"]["allocation_pools"]

    assert pools == [
        {"start": "10.0.0.1", "end": "10.0.0.2"},
        {"start": "10.0.0.4", "end": "10.0.0.6"},
    ]


def test_overlap_in_one_network_is_refused(net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")

    values = {"network_id": network, "cidr": "10.0.0.128/25", "ip_version": 4}

    assert net.make("subnet", 400, **values)["type"] == "InvalidInput"
    net.network("10.0.0.0/24")  # in another network it may be


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"cidr": "10.0.0.0/24"}, 400),
        ({"cidr": "10.0.0.1/24", "ip_version": 4}, 400),
        ({"cidr": "10.0.0.0/24", "ip_version": 6}, 400),
        ({"cidr": "10.0.0.0/33", "ip_version": 4}, 400),
        ({"cidr": 7, "ip_version": 4}, 400),
        ({"ip_version": 4}, 400),
        ({"cidr": "10.0.0.0/24", "ip_version": 4, "gateway_ip": "10.0.1.1"}, 400),
        ({"cidr": "10.0.0.0/24", "ip_version": 4, "gateway_ip": "10.0.0.255"}, 400),
        ({"cidr": "10.0.0.0/24", "ip_version": 4, "ipv6_ra_mode": "slaac"}, 400),
        ({"cidr": "fd00::/56", "ip_version": 6, "ipv6_address_mode": "slaac"}, 400),
        ({"cidr": "10.0.0.0/24", "ip_version": 4, "dns_nameservers": ["nobody"]}, 400),
        ({"cidr": "10.0.0.0/24", "ip_version": 4, "host_routes": [{"nexthop": "10.0.0.1"}]}, 400),
    ],
)
def test_refuses_what_cannot_be(net: Net, values: dict[str, object], status: int) -> None:
    network, _ = net.network()

    net.make("subnet", status, network_id=network, **values)

    assert net.get("subnets", network_id=network)["subnets"] == []


@pytest.mark.parametrize(
    ("pools", "status", "kind"),
    [
        ([("10.0.0.9", "10.0.0.5")], 400, "InvalidAllocationPool"),
        ([("10.0.0.5", "10.0.1.5")], 400, "OutOfBoundsAllocationPool"),
        ([("10.0.0.5", "10.0.0.9"), ("10.0.0.9", "10.0.0.12")], 409, "OverlappingAllocationPools"),
        ([("10.0.0.1", "10.0.0.9")], 409, "GatewayConflictWithAllocationPools"),
    ],
)
def test_pools_must_make_sense(
    net: Net, pools: list[tuple[str, str]], status: int, kind: str
) -> None:
    network, _ = net.network()
    given = [{"start": first, "end": last} for first, last in pools]

    error = net.make(
        "subnet",
        status,
        network_id=network,
        cidr="10.0.0.0/24",
        ip_version=4,
        gateway_ip="10.0.0.1",
        allocation_pools=given,
    )

    assert error["type"] == kind


def test_in_use_while_a_port_has_an_address(net: Net) -> None:
    network, subnet = net.network("10.0.0.0/24")
    port = net.port(network)["id"]

    assert net.drop("subnet", subnet, 409)["type"] == "SubnetInUse"
    net.drop("port", port)
    net.drop("subnet", subnet)
    assert net.get("ports", network_id=network)["ports"] == []


def test_slaac_gives_the_address_of_the_mac(net: Net) -> None:
    network, _ = net.network("fd00:1::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")

    port = net.port(network, mac_address="fa:16:3e:00:00:01")

    assert port["fixed_ips"][0]["ip_address"] == "fd00:1::f816:3eff:fe00:1"


def test_dhcp_off_takes_the_metadata_address_back(net: Net) -> None:
    network, subnet = net.network("10.0.0.0/24")

    net.put("subnet", subnet, enable_dhcp=False)

    assert net.get("ports", network_id=network)["ports"] == []


def test_updates_and_gateway_in_use(net: Net) -> None:
    _, subnet = net.network("10.0.0.0/24")
    router = net.make("router", name="r")["id"]
    shown = net.put("subnet", subnet, name="s", dns_nameservers=["10.0.0.53"])
    net.join(router, subnet)

    assert shown["dns_nameservers"] == ["10.0.0.53"]
    error = net.put("subnet", subnet, 409, gateway_ip=None)
    assert error["type"] == "GatewayIpInUse"


def test_a_slaac_subnet_goes_with_its_ports_addresses_but_not_with_a_routers(net: Net) -> None:
    network, subnet = net.network("fd00:5::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    port = net.port(network)["id"]
    router = net.make("router", name="r")["id"]
    net.join(router, subnet)

    assert net.drop("subnet", subnet, 409)["type"] == "SubnetInUse"
    net.part(router, subnet)
    net.drop("subnet", subnet)

    assert net.get(f"ports/{port}")["port"]["fixed_ips"] == []
