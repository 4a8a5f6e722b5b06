"""Interfaces attached to a server and detached from it."""

from typing import Any

import pytest

from tests.cloud import Cloud

from .conftest import Compute

_NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def network_id(cloud: Cloud) -> str:
    made = cloud.demo.post("/network/v2.0/networks", json={"network": {"name": "plugs"}}).json()
    found = str(made["network"]["id"])
    subnet = {"network_id": found, "cidr": "10.92.0.0/24", "ip_version": 4}
    assert cloud.demo.post("/network/v2.0/subnets", json={"subnet": subnet}).status_code == 201
    return found


def _attach(compute: Compute, server_id: str, **body: Any) -> Any:
    path = f"/servers/{server_id}/os-interface"
    return compute.call("POST", path, {"interfaceAttachment": body})


def test_an_interface_is_attached_and_detached(
    compute: Compute, cloud: Cloud, network_id: str
) -> None:
    server_id = compute.boot("plug")
    fixed = [{"ip_address": "10.92.0.77"}]

    answer = _attach(compute, server_id, net_id=network_id, fixed_ips=fixed, tag="nic")

    assert answer.status_code == 200, answer.text
    shown = answer.json()["interfaceAttachment"]
    assert (shown["net_id"], shown["fixed_ips"][0]["ip_address"]) == (network_id, "10.92.0.77")
    cloud.settle()
    assert list(compute.show(server_id)["addresses"]) == ["plugs"]
    assert len(cloud.machine.compute._guests[server_id].nics) == 1
    path = f"/servers/{server_id}/os-interface/{shown['port_id']}"
    assert compute.call("GET", path).json()["interfaceAttachment"]["port_state"] == "ACTIVE"
    assert compute.call("DELETE", path).status_code == 202
    cloud.settle()
    assert compute.call("GET", path).status_code == 404
    assert cloud.demo.get(f"/network/v2.0/ports/{shown['port_id']}").status_code == 404
    actions = compute.call("GET", f"/servers/{server_id}/os-instance-actions").json()
    names = [one["action"] for one in actions["instanceActions"][:2]]
    assert names == ["detach_interface", "attach_interface"]
    compute.remove(server_id)


def test_a_port_of_ones_own_stays_when_it_is_detached(
    compute: Compute, cloud: Cloud, network_id: str
) -> None:
    server_id = compute.boot("own")
    body = {"port": {"network_id": network_id}}
    port_id = cloud.demo.post("/network/v2.0/ports", json=body).json()["port"]["id"]

    assert _attach(compute, server_id, port_id=port_id).status_code == 200
    cloud.settle()
    again = _attach(compute, server_id, port_id=port_id)
    path = f"/servers/{server_id}/os-interface/{port_id}"
    assert compute.call("DELETE", path).status_code == 202
    cloud.settle()

    assert again.status_code == 400
    port = cloud.demo.get(f"/network/v2.0/ports/{port_id}").json()["port"]
    assert (port["device_id"], port["status"]) == ("", "DOWN")
    assert cloud.demo.delete(f"/network/v2.0/ports/{port_id}").status_code == 204
    compute.remove(server_id)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"net_id": _NOBODY, "port_id": _NOBODY}, 400),
        ({"fixed_ips": [{"ip_address": "10.0.0.1"}]}, 400),
        ({"net_id": "x"}, 400),
        ({"fly": 1}, 400),
        ({"net_id": _NOBODY}, 404),
        ({"port_id": _NOBODY}, 404),
    ],
)
def test_an_attachment_that_cannot_be_is_refused(
    compute: Compute, body: dict[str, Any], status: int
) -> None:
    server_id = compute.boot("bad")

    assert _attach(compute, server_id, **body).status_code == status

    compute.remove(server_id)


def test_wrong_states_and_a_lock_are_409(compute: Compute, network_id: str) -> None:
    server_id = compute.boot("states")
    compute.act(server_id, suspend=None)
    compute.until(server_id, "SUSPENDED")
    suspended = _attach(compute, server_id, net_id=network_id)
    compute.act(server_id, resume=None)
    compute.until(server_id, "ACTIVE")
    compute.act(server_id, lock=None)
    locked = _attach(compute, server_id, net_id=network_id)
    compute.act(server_id, unlock=None)

    assert (suspended.status_code, locked.status_code) == (409, 409)
    compute.remove(server_id)


def test_a_deleted_port_leaves_the_guest_too(
    compute: Compute, cloud: Cloud, network_id: str
) -> None:
    server_id = compute.boot("shorn")
    attached = _attach(compute, server_id, net_id=network_id).json()["interfaceAttachment"]
    port_id = attached["port_id"]
    cloud.settle()

    assert cloud.demo.delete(f"/network/v2.0/ports/{port_id}").status_code == 204
    cloud.settle()

    assert cloud.machine.compute._guests[server_id].nics == ()
    assert port_id not in cloud.machine.host_network.plugged()
    compute.remove(server_id)


def test_a_port_given_away_leaves_the_guest_and_stays(
    compute: Compute, cloud: Cloud, network_id: str
) -> None:
    server_id = compute.boot("generous")
    attached = _attach(compute, server_id, net_id=network_id).json()["interfaceAttachment"]
    port_id = attached["port_id"]
    cloud.settle()

    given = {"port": {"device_id": "", "device_owner": ""}}
    assert cloud.demo.put(f"/network/v2.0/ports/{port_id}", json=given).status_code == 200
    cloud.settle()

    assert cloud.machine.compute._guests[server_id].nics == ()
    assert cloud.audit() == []
    compute.remove(server_id)
    assert cloud.demo.delete(f"/network/v2.0/ports/{port_id}").status_code == 204
