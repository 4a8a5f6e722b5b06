"""What servers do to ports, and what stands in the data plane in the end."""

import pytest

from pileus import network
from pileus.core.db import Database
from pileus.core.desired import Desired
from pileus.core.errors import BadRequest, Conflict
from pileus.core.policy import Credentials
from pileus.network.driver import NetworkDriver
from tests.cloud import Cloud

from .conftest import Net


def _who(net: Net) -> Credentials:
    return Credentials(project_id=net.project_id, roles=frozenset({"member", "reader"}))


def test_claim_bind_and_release_leave_nothing(running: Cloud, net: Net) -> None:
    net_id, _ = net.network("10.0.0.0/24")
    who, db = _who(net), running.parts[Database]
    ports = db.run(lambda tx: network.claim_ports(tx, who, "s-1", "auto", hostname="one"))
    db.run(lambda tx: network.bind_ports(tx, "s-1", "host-9"))

    nic = db.read(lambda tx: network.server_nics(tx, "s-1"))[0]
    wish = db.read(lambda tx: tx.one(Desired, id=net_id, host="host-9"))

    assert nic.port_id == ports[0].id
    assert wish is not None
    assert wish.spec["cidrs"][0].endswith("/24")
    assert not db.read(lambda tx: network.ports_ready(tx, "s-1"))
    address = nic.addresses[0].ip
    assert db.read(lambda tx: network.server_by_address(tx, net_id, address)) == "s-1"
    db.run(lambda tx: network.release_ports(tx, "s-1"))
    wish = db.read(lambda tx: tx.one(Desired, id=net_id, host="host-9"))
    assert wish is not None
    assert wish.spec is None
    assert net.get("ports", device_id="s-1")["ports"] == []
    db.run(lambda tx: tx.remove_where(Desired, host="host-9"))


def test_an_adopted_port_outlives_its_server(running: Cloud, net: Net) -> None:
    net_id, _ = net.network("10.0.0.0/24")
    port = net.port(net_id)["id"]
    db, who = running.parts[Database], _who(net)
    wanted = [network.NetworkRequest(port_id=port)]
    db.run(lambda tx: network.claim_ports(tx, who, "s-2", wanted, hostname="two"))

    with pytest.raises(Conflict):
        db.run(lambda tx: network.claim_ports(tx, who, "s-3", wanted, hostname="three"))
    db.run(lambda tx: network.release_ports(tx, "s-2"))

    assert net.get(f"ports/{port}")["port"]["device_id"] == ""


def test_several_networks_are_no_choice(running: Cloud, net: Net) -> None:
    net.network("10.0.0.0/24")
    net.network("10.1.0.0/24")
    db, who = running.parts[Database], _who(net)

    with pytest.raises(Conflict):
        db.run(lambda tx: network.claim_ports(tx, who, "s-4", "auto", hostname="four"))
    nothing = [network.NetworkRequest("00000000-0000-4000-8000-000000000000")]
    with pytest.raises(BadRequest):
        db.run(lambda tx: network.claim_ports(tx, who, "s-4", nothing, hostname="four"))


def test_drift_is_mended_and_found(running: Cloud, net: Net) -> None:
    net.network("10.0.0.0/24")
    running.settle()
    driver, db = running.parts[NetworkDriver], running.parts[Database]
    (loop,) = (one for one in running.app.loops if one.name == "network.topology")
    network.clear(driver)

    found = [finding for finding in running.audit() if finding.id == "I8"]
    loop.work.__self__.resync()  # type: ignore[attr-defined]
    loop.nudge()
    running.settle()

    assert found
    assert [one for one in running.audit() if one.id in ("I3", "I6", "I8")] == []
    names = {sample.name for sample in db.read(lambda tx: list(network.samples(tx)))}
    assert "openstack_neutron_ports" in names


def test_operators_see_agents_zones_and_room(admin: Net, net: Net, public: str) -> None:
    agents = admin.get("agents")["agents"]
    room = admin.get(f"network-ip-availabilities/{public}")["network_ip_availability"]

    assert agents[0]["binary"] == "ovn-controller"
    assert agents[0]["alive"] is True
    assert room["total_ips"] == 253
    assert net.get("availability_zones")["availability_zones"]
