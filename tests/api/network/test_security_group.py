"""Security groups and their rules."""

from typing import Any

import pytest

from .conftest import Net


def _rule(net: Net, group: str, status: int = 201, **values: Any) -> Any:
    full = {"security_group_id": group, "direction": "ingress", **values}
    return net.make("security_group_rule", status, **full)


def test_every_project_has_a_default_group(net: Net) -> None:
    groups = net.get("security-groups")["security_groups"]

    assert [group["name"] for group in groups] == ["default"]
    rules = {
        (r["direction"], r["ethertype"], r["remote_group_id"])
        for r in groups[0]["security_group_rules"]
    }
    own = groups[0]["id"]
    assert rules == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", own),
        ("ingress", "IPv6", own),
    }


def test_default_group_stays_and_keeps_its_name(net: Net) -> None:
    group = net.get("security-groups")["security_groups"][0]["id"]

    error = net.drop("security_group", group, 409)

    assert error["type"] == "SecurityGroupCannotRemoveDefault"
    net.put("security_group", group, 409, name="mine")
    net.make("security_group", 409, name="default")


def test_a_rule_stands_once(net: Net) -> None:
    group = net.make("security_group", name="web")["id"]
    ssh = {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    made = _rule(net, group, **ssh, remote_ip_prefix="0.0.0.0/0", description="ssh")

    error = _rule(net, group, 409, **ssh, remote_ip_prefix="0.0.0.0/0")

    assert made["description"] == "ssh"
    assert error["type"] == "SecurityGroupRuleExists"
    net.drop("security_group_rule", made["id"])
    _rule(net, group, **ssh, remote_ip_prefix="0.0.0.0/0")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"protocol": "nonsense"}, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": 256}, "SecurityGroupRuleInvalidProtocol"),
        ({"port_range_min": 1, "port_range_max": 2}, "SecurityGroupProtocolRequiredWithPorts"),
        (
            {"protocol": "tcp", "port_range_min": 9, "port_range_max": 2},
            "SecurityGroupInvalidPortRange",
        ),
        ({"protocol": "icmp", "port_range_min": 300}, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmp", "port_range_max": 3}, "SecurityGroupMissingIcmpType"),
        ({"protocol": "gre", "port_range_min": 3}, "SecurityGroupInvalidProtocolForPort"),
        (
            {"protocol": "dccp", "port_range_min": 3, "port_range_max": 3},
            "SecurityGroupInvalidProtocolForPort",
        ),
        ({"protocol": "ipv6-icmp"}, "SecurityGroupEthertypeConflictWithProtocol"),
        (
            {"ethertype": "IPv6", "remote_ip_prefix": "10.0.0.0/8"},
            "SecurityGroupRuleParameterConflict",
        ),
        ({"ethertype": "IPX"}, "HTTPBadRequest"),
        ({"direction": "sideways"}, "HTTPBadRequest"),
        ({"remote_ip_prefix": "everywhere"}, "HTTPBadRequest"),
        ({"protocol": "tcp", "port_range_min": 70000}, "SecurityGroupInvalidPortValue"),
        (
            {"protocol": "tcp", "port_range_min": -16, "port_range_max": 80},
            "SecurityGroupInvalidPortValue",
        ),
        ({"protocol": "icmp", "port_range_min": -1}, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": ["tcp"]}, "SecurityGroupRuleInvalidProtocol"),
    ],
)
def test_refuses_rules_that_cannot_be(net: Net, values: dict[str, Any], kind: str) -> None:
    group = net.make("security_group", name="web")["id"]

    assert _rule(net, group, 400, **values)["type"] == kind


def test_a_group_in_use_stays(net: Net) -> None:
    group = net.make("security_group", name="web")["id"]
    network, _ = net.network("10.0.0.0/24")
    port = net.port(network, security_groups=[group])["id"]

    assert net.drop("security_group", group, 409)["type"] == "SecurityGroupInUse"
    net.put("port", port, security_groups=[])
    net.drop("security_group", group)


def test_a_group_gone_takes_rules_that_name_it(net: Net) -> None:
    one, two = (net.make("security_group", name=name)["id"] for name in "ab")
    rule = _rule(net, one, remote_group_id=two)["id"]

    net.drop("security_group", two)

    net.get(f"security-group-rules/{rule}", 404)


def test_others_groups_are_not_there(net: Net, member) -> None:  # type: ignore[no-untyped-def]
    group = net.make("security_group", name="web")["id"]
    other = member()

    other.get(f"security-groups/{group}", 404)
    _rule(other, group, 404, protocol="tcp")


@pytest.mark.parametrize("remote", ["no-uuid", "00000000-0000-4000-8000-000000000000"])
def test_a_remote_group_that_is_none_is_404(net: Net, remote: str) -> None:
    group = net.make("security_group", name="web")["id"]

    assert _rule(net, group, 404, remote_group_id=remote)["type"] == "SecurityGroupNotFound"
