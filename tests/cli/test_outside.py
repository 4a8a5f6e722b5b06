"""An external network does not hide what the machine needs to reach."""

import json

import click
import pytest

from pileus.cli import outside


def test_an_address_inside_the_network_is_hidden() -> None:
    relied = {"the package mirror a": "203.0.113.80", "the package mirror b": "198.51.100.9"}

    lost = outside.hidden("203.0.113.0/24", relied)

    assert lost == ["the package mirror a (203.0.113.80)"]


def test_a_network_that_the_machine_is_on_is_hidden() -> None:
    assert outside.hidden("10.0.0.0/8", {"the network on eth0": "10.1.0.0/16"})


def test_gateways_and_networks_are_read_from_the_routes() -> None:
    printed = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "192.0.2.0/24", "dev": "eth0"},
    ]

    found = outside.routes(json.dumps(printed))

    assert sorted(found.values()) == ["192.0.2.0/24", "192.0.2.1"]


def test_name_servers_are_read_from_resolv_conf() -> None:
    found = outside.resolvers("# a comment\nsearch example.com\nnameserver 10.0.0.53\n")

    assert found == {"the name server 10.0.0.53": "10.0.0.53"}


def test_a_network_over_the_loopback_of_everything_is_refused() -> None:
    with pytest.raises(click.ClickException, match="would cut this machine off from"):
        outside.check("0.0.0.0/0")
