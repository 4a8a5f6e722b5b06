"""What the network API refuses, and that it does so in its own words and changes nothing."""

from typing import Any

import httpx
import pytest

from ...cloud import Cloud

V2 = "/network/v2.0"
LONG = "x" * 300
NONE = "11111111-1111-1111-1111-111111111111"


def _refused(answer: httpx.Response, *status: int) -> None:
    assert answer.status_code in (status or (400,)), answer.text
    error = answer.json()["NeutronError"]
    assert set(error) == {"type", "message", "detail"}
    assert error["type"]
    assert error["message"]


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> str:
    """A network with the subnet 10.20.0.0/24."""
    made = cloud.demo.post(f"{V2}/networks", json={"network": {"name": "bad-input"}}).json()
    network_id = str(made["network"]["id"])
    subnet = {"network_id": network_id, "ip_version": 4, "cidr": "10.20.0.0/24"}
    assert cloud.demo.post(f"{V2}/subnets", json={"subnet": subnet}).status_code == 201
    return network_id


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"network": 5}', b'{"networks": []}'])
def test_a_body_that_cannot_be_read_is_400(cloud: Cloud, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    _refused(cloud.demo.post(f"{V2}/networks", content=body, headers=headers))


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("networks", "network"),
        ("routers", "router"),
        ("security-groups", "security_group"),
    ],
)
@pytest.mark.parametrize("more", [{"name": LONG}, {"name": 5}, {"unknown": 1}, {"id": NONE}])
def test_a_thing_that_cannot_be_is_400_and_is_not_made(
    cloud: Cloud, many: str, one: str, more: dict[str, Any]
) -> None:
    before = cloud.demo.get(f"{V2}/{many}").json()

    _refused(cloud.demo.post(f"{V2}/{many}", json={one: more}))

    assert cloud.demo.get(f"{V2}/{many}").json() == before


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"cidr": "10.20.0.0/24"}, 400),  # the same again
        ({"cidr": "10.20.0.128/25"}, 400),  # inside it
        ({"cidr": "10.0.0.0/8"}, 400),  # around it
        ({"cidr": "10.21.0.0/33"}, 400),
        ({"cidr": "nonsense"}, 400),
        ({"cidr": None}, 400),
        ({"cidr": "fd00::/64"}, 400),  # not of version 4
        ({"cidr": "10.21.0.0/24", "ip_version": 5}, 400),
        ({"cidr": "10.21.0.0/24", "gateway_ip": "10.21.0.300"}, 400),
        ({"cidr": "10.21.0.0/24", "allocation_pools": [{"start": "10.22.0.1"}]}, 400),
        (
            {
                "cidr": "10.21.0.0/24",
                "allocation_pools": [{"start": "10.21.0.9", "end": "10.21.0.2"}],
            },
            400,
        ),
        (
            {
                "cidr": "10.21.0.0/24",
                "allocation_pools": [{"start": "10.22.0.1", "end": "10.22.0.2"}],
            },
            400,
        ),
        ({"cidr": "10.21.0.0/24", "dns_nameservers": ["x" * 300]}, 400),
        ({"cidr": "10.21.0.0/24", "host_routes": [{"destination": "x"}]}, 400),
        ({"cidr": "10.21.0.0/24", "name": LONG}, 400),
        ({"cidr": "10.21.0.0/24", "network_id": NONE}, 404),
    ],
)
def test_a_subnet_that_cannot_be_is_refused(
    cloud: Cloud, network: str, more: dict[str, Any], status: int
) -> None:
    before = cloud.demo.get(f"{V2}/subnets").json()
    body = {"network_id": network, "ip_version": 4} | more

    _refused(cloud.demo.post(f"{V2}/subnets", json={"subnet": body}), status)

    assert cloud.demo.get(f"{V2}/subnets").json() == before


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"network_id": NONE}, 404),
        ({"network_id": "x"}, 404),
        ({"name": LONG}, 400),
        ({"mac_address": "nonsense"}, 400),
        ({"mac_address": "ff:ff:ff:ff:ff:ff"}, 400),
        ({"fixed_ips": [{"ip_address": "10.99.0.1"}]}, 400),
        ({"fixed_ips": [{"ip_address": "10.20.0.0"}]}, 400),
        ({"fixed_ips": [{"subnet_id": NONE}]}, 400),
        ({"fixed_ips": "10.20.0.5"}, 400),
        ({"security_groups": [NONE]}, 404),
        ({"allowed_address_pairs": [{"ip_address": "x"}]}, 400),
        ({"binding:host_id": "host-1"}, 403),
        ({"unknown": 1}, 400),
    ],
)
def test_a_port_that_cannot_be_is_refused(
    cloud: Cloud, network: str, more: dict[str, Any], status: int
) -> None:
    before = cloud.demo.get(f"{V2}/ports").json()

    answer = cloud.demo.post(f"{V2}/ports", json={"port": {"network_id": network} | more})

    _refused(answer, *{status, 400} if more.get("network_id") == "x" else {status})
    assert cloud.demo.get(f"{V2}/ports").json() == before


@pytest.mark.parametrize(
    "more",
    [
        {"direction": "sideways"},
        {"ethertype": "IPv5"},
        {"protocol": "nonsense"},
        {"protocol": 256},
        {"protocol": "tcp", "port_range_min": 5, "port_range_max": 4},
        {"protocol": "tcp", "port_range_min": 0, "port_range_max": 70000},
        {"port_range_min": 5, "port_range_max": 6},
        {"remote_ip_prefix": "10.0.0.0/33"},
        {"remote_ip_prefix": "fd00::/64", "ethertype": "IPv4"},
        {"remote_group_id": "$own", "remote_ip_prefix": "10.0.0.0/8"},
    ],
)
def test_a_rule_that_cannot_be_is_400(cloud: Cloud, more: dict[str, Any]) -> None:
    groups = cloud.demo.get(f"{V2}/security-groups").json()["security_groups"]
    body = {"security_group_id": groups[0]["id"], "direction": "ingress"} | more
    if "remote_group_id" in body:
        body["remote_group_id"] = groups[0]["id"]

    _refused(cloud.demo.post(f"{V2}/security-group-rules", json={"security_group_rule": body}))
