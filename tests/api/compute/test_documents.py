"""The documents from which a guest sets itself up."""

import base64
import gzip
import json
from typing import Any

import pytest

from pileus import network
from pileus.compute import metadata_answer
from pileus.compute.metadata import drive_files
from pileus.compute.server import Server

from .conftest import Compute

DATA = gzip.compress(b"#!/bin/sh\n", mtime=0)


@pytest.fixture(scope="module")
def net(cloud: Any) -> dict[str, Any]:
    made = cloud.demo.post("/network/v2.0/networks", json={"network": {"name": "n"}}).json()
    subnet = {
        "network_id": made["network"]["id"],
        "ip_version": 4,
        "cidr": "10.7.0.0/24",
        "dns_nameservers": ["192.0.2.53"],
        "host_routes": [{"destination": "10.8.0.0/16", "nexthop": "10.7.0.9"}],
    }
    answer = cloud.demo.post("/network/v2.0/subnets", json={"subnet": subnet})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["subnet"]
    return found


@pytest.fixture
def server(compute: Compute, net: dict[str, Any]) -> str:
    data = base64.b64encode(DATA).decode()
    return compute.boot(networks=[{"uuid": net["network_id"]}], user_data=data, config_drive=True)


def _asked(compute: Compute, net: dict[str, Any], server: str, path: str) -> bytes:
    ip = compute.show(server)["addresses"]["n"][0]["addr"]
    parts = compute.cloud.parts
    status, _, body = metadata_answer(parts, net["network_id"], ip, "GET", path, {})
    assert status == 200
    return body


def test_the_network_is_told_with_the_way_to_the_metadata(
    compute: Compute, net: dict[str, Any], server: str
) -> None:
    found = json.loads(_asked(compute, net, server, "/openstack/latest/network_data.json"))
    (one,) = found["networks"]
    routes = [(r["network"], r["netmask"]) for r in one["routes"]]
    assert one["type"] == "ipv4"
    assert routes == [
        ("0.0.0.0", "0.0.0.0"),
        ("10.8.0.0", "255.255.0.0"),
        ("169.254.169.254", "255.255.255.255"),
    ]
    assert found["services"] == [{"type": "dns", "address": "192.0.2.53"}]


def test_user_data_that_is_no_text_is_the_same_by_both_ways(
    compute: Compute, net: dict[str, Any], server: str
) -> None:
    assert _asked(compute, net, server, "/openstack/latest/user_data") == DATA

    def files(tx: Any) -> dict[str, str]:
        row = tx.get(Server, server)
        return drive_files(tx, row, network.server_nics(tx, server))

    found = compute.cloud.app.db.read(files)
    assert base64.b64decode(found["openstack/latest/user_data;base64"]) == DATA
    assert "openstack/latest/user_data" not in found
