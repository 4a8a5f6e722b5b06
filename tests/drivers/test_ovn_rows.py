"""How rules and subnets are said in OVN's words."""

import pytest

from pileus.network.driver import Rule, Subnet, Switch
from pileus.network.drivers.acl import match
from pileus.network.drivers.switch import dhcp_options


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("r", "egress", "IPv4"), "inport == @g && ip4"),
        (Rule("r", "ingress", "IPv6"), "outport == @g && ip6"),
        (
            Rule("r", "ingress", "IPv4", "tcp", 22, 22, "10.0.0.0/8"),
            "outport == @g && ip4 && ip4.src == 10.0.0.0/8 && tcp && tcp.dst == 22",
        ),
        (
            Rule("r", "egress", "IPv4", "udp", 1000, 2000, "0.0.0.0/0"),
            "inport == @g && ip4 && udp && udp.dst >= 1000 && udp.dst <= 2000",
        ),
        (
            Rule("r", "ingress", "IPv4", "icmp", 8, 0),
            "outport == @g && ip4 && icmp4 && icmp4.type == 8 && icmp4.code == 0",
        ),
        (
            Rule("r", "ingress", "IPv6", "58", 128),
            "outport == @g && ip6 && icmp6 && icmp6.type == 128",
        ),
        (Rule("r", "ingress", "IPv4", "112"), "outport == @g && ip4 && ip.proto == 112"),
        (
            Rule("r", "ingress", "IPv6", "6", remote_group="a-b"),
            "outport == @g && ip6 && ip6.src == $pg_a_b_ip6 && tcp",
        ),
    ],
)
def test_a_rule_becomes_a_match(rule: Rule, words: str) -> None:
    assert match("g", rule) == words


def test_a_subnet_without_gateway_or_metadata_gives_just_the_address() -> None:
    subnet = Subnet("s", "10.0.0.0/24", None, dhcp=True)
    options = dhcp_options(Switch("n", "n", 1442, (subnet,)), subnet)
    assert "router" not in options and "classless_static_route" not in options


def test_classless_routes_hold_the_default_route_too() -> None:
    subnet = Subnet("s", "10.0.0.0/24", "10.0.0.1", True, metadata_ip="10.0.0.2")
    options = dhcp_options(Switch("n", "n", 1442, (subnet,)), subnet)
    assert options["classless_static_route"] == "{169.254.169.254/32,10.0.0.2, 0.0.0.0/0,10.0.0.1}"
    assert options["router"] == "10.0.0.1"
