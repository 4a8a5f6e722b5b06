"""Ports: their addresses, MACs, groups and pairs."""

import threading
from collections import Counter

import pytest

from tests.cloud import Cloud

from .conftest import Net


def test_gets_an_address_a_mac_and_the_default_group(net: Net) -> None:
    network, subnet = net.network("10.0.0.0/24")

    port = net.port(network)

    assert port["fixed_ips"][0]["subnet_id"] == subnet
    assert port["mac_address"].startswith("fa:16:3e:")
    assert port["status"] == "DOWN"
    groups = net.get("security-groups", name="default")["security_groups"]
    assert port["security_groups"] == [groups[0]["id"]]
    assert "binding:host_id" not in port


def test_one_address_of_each_version(net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")
    net.make("subnet", network_id=network, cidr="fd00::/64", ip_version=6)

    addresses = [one["ip_address"] for one in net.port(network)["fixed_ips"]]

    assert [":" in address for address in addresses] == [False, True]


def test_an_address_asked_for_is_one_ports_alone(net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")
    fixed = [{"ip_address": "10.0.0.77"}]
    port = net.port(network, fixed_ips=fixed)

    error = net.port(network, 409, fixed_ips=fixed)

    assert error["type"] == "IpAddressAlreadyAllocated"
    found = net.get("ports", fixed_ips="ip_address=10.0.0.77")["ports"]
    assert [one["id"] for one in found] == [port["id"]]
    assert net.get("ports", fixed_ips="ip_address=10.0.0.78")["ports"] == []


@pytest.mark.parametrize(
    ("fixed", "kind"),
    [
        ([{"ip_address": "10.0.9.1"}], "InvalidIpForNetwork"),
        ([{"ip_address": "10.0.0.255"}], "InvalidIpForNetwork"),
        ([{}], "InvalidInput"),
        ([{"subnet_id": "00000000-0000-4000-8000-000000000000"}], "InvalidInput"),
        ([{"ip_address": "nowhere"}], "HTTPBadRequest"),
        ("10.0.0.5", "HTTPBadRequest"),
    ],
)
def test_refuses_addresses_that_cannot_be(net: Net, fixed: object, kind: str) -> None:
    network, _ = net.network("10.0.0.0/24")

    assert net.port(network, 400, fixed_ips=fixed)["type"] == kind


def test_a_mac_is_one_ports_alone(net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")
    net.port(network, mac_address="fa:16:3e:aa:aa:aa")

    error = net.port(network, 409, mac_address="FA:16:3E:AA:AA:AA")

    assert error["type"] == "MacAddressInUse"


def test_a_full_subnet_says_so(net: Net) -> None:
    network, _ = net.network("10.0.0.0/29")  # gateway, metadata and four more

    made = [net.port(network)["fixed_ips"][0]["ip_address"] for _ in range(4)]

    assert len(set(made)) == 4
    assert net.port(network, 409)["type"] == "IpAddressGenerationFailure"


def test_many_at_once_share_a_subnet_without_clash(running: Cloud, admin: Net, net: Net) -> None:
    network, _ = net.network("10.0.0.0/24", enable_dhcp=False)
    admin.call("PUT", f"quotas/{net.project_id}", 200, {"quota": {"port": -1}})
    answers: list[tuple[int, str]] = []

    def work() -> None:
        for _ in range(50):
            answer = net.client.post("/network/v2.0/ports", json={"port": {"network_id": network}})
            body = answer.json()
            text = (
                body["port"]["fixed_ips"][0]["ip_address"]
                if answer.status_code == 201
                else body["NeutronError"]["type"]
            )
            answers.append((answer.status_code, text))

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    given = [text for status, text in answers if status == 201]
    assert len(given) == len(set(given)) == 253
    assert Counter(text for status, text in answers if status != 201) == {
        "IpAddressGenerationFailure": 247
    }


def test_new_addresses_keep_those_that_stay(net: Net) -> None:
    network, subnet = net.network("10.0.0.0/24")
    port = net.port(network)
    before = port["fixed_ips"][0]

    changed = net.put("port", port["id"], fixed_ips=[before, {"ip_address": "10.0.0.99"}])

    assert changed["fixed_ips"] == [before, {"subnet_id": subnet, "ip_address": "10.0.0.99"}]
    net.put("port", port["id"], fixed_ips=[])
    assert net.get(f"ports/{port['id']}")["port"]["fixed_ips"] == []


def test_groups_pairs_and_port_security(net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")
    pairs = [{"ip_address": "10.9.0.0/16"}]
    port = net.port(network, allowed_address_pairs=pairs)

    shown = port["allowed_address_pairs"]
    assert shown == [{"ip_address": "10.9.0.0/16", "mac_address": port["mac_address"]}]
    error = net.put("port", port["id"], 409, port_security_enabled=False)
    assert error["type"] == "PortSecurityPortHasSecurityGroup"
    changed = net.put(
        "port",
        port["id"],
        security_groups=[],
        allowed_address_pairs=[],
        port_security_enabled=False,
    )
    assert changed["port_security_enabled"] is False


def test_a_foreign_group_is_not_found(net: Net, member) -> None:  # type: ignore[no-untyped-def]
    network, _ = net.network("10.0.0.0/24")
    foreign = member().make("security_group", name="theirs")["id"]

    error = net.port(network, 404, security_groups=[foreign])

    assert error["type"] == "SecurityGroupNotFound"


def test_binding_is_for_admins(admin: Net, net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")
    port = net.port(network)["id"]

    net.put("port", port, 403, **{"binding:host_id": "host-1"})
    shown = admin.put("port", port, **{"binding:host_id": "host-1"})

    assert shown["binding:host_id"] == "host-1"
    assert shown["binding:vif_type"] == "ovs"


def test_the_clouds_own_ports_are_not_to_be_removed(net: Net) -> None:
    network, _ = net.network("10.0.0.0/24")
    port = net.get("ports", network_id=network)["ports"][0]["id"]

    assert net.drop("port", port, 409)["type"] == "ServicePortInUse"
