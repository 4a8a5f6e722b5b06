"""Routers and floating IPs: from the inside to the outside."""

from pileus.network.driver import NetworkDriver, Router
from tests.cloud import Cloud

from .conftest import Net


def _router(net: Net, public: str, cidr: str = "10.0.0.0/24") -> tuple[str, str, str]:
    """A router between a new network and the outside: router, network, subnet."""
    network, subnet = net.network(cidr)
    gateway = {"network_id": public}
    router = net.make("router", name="r", external_gateway_info=gateway)["id"]
    net.join(router, subnet)
    return router, network, subnet


def test_gateway_has_an_outside_address(net: Net, public: str) -> None:
    router, _, _ = _router(net, public)

    info = net.get(f"routers/{router}")["router"]["external_gateway_info"]

    assert info["network_id"] == public
    assert info["enable_snat"] is True
    assert info["external_fixed_ips"][0]["ip_address"].startswith("172.24.4.")


def test_the_data_plane_holds_what_the_rows_say(running: Cloud, net: Net, public: str) -> None:
    router, network, _ = _router(net, public)
    port = net.port(network, fixed_ips=[{"ip_address": "10.0.0.9"}])["id"]
    floating = net.make("floatingip", floating_network_id=public, port_id=port)
    running.settle()

    thing = running.machine.network.things()["router", router]

    assert isinstance(thing, Router)
    assert thing.floating == ((floating["id"], floating["floating_ip_address"], "10.0.0.9"),)
    assert [inside for inside, _ in thing.snat] == ["10.0.0.0/24"]
    assert ("0.0.0.0/0", "172.24.4.1") in thing.routes
    assert sum(port.gateway for port in thing.ports) == 1
    assert net.get(f"floatingips/{floating['id']}")["floatingip"]["status"] == "ACTIVE"
    assert running.parts[NetworkDriver].name == "simulated"


def test_interface_takes_the_gateway_address_once(net: Net) -> None:
    _, subnet = net.network("10.0.0.0/24")
    first, second = (net.make("router", name=name)["id"] for name in "ab")

    answer = net.join(first, subnet)

    port = net.get(f"ports/{answer['port_id']}")["port"]
    assert port["fixed_ips"][0]["ip_address"] == "10.0.0.1"
    assert port["device_owner"] == "network:router_interface"
    net.join(first, subnet, 400)
    net.join(second, subnet, 409)
    net.part(second, subnet, 404)
    assert net.drop("router", first, 409)["type"] == "RouterInUse"
    assert net.drop("port", port["id"], 409)["type"] == "ServicePortInUse"
    net.part(first, subnet)
    net.drop("router", first)


def test_overlapping_subnets_do_not_meet_in_a_router(net: Net) -> None:
    (_, one), (_, two) = net.network("10.0.0.0/24"), net.network("10.0.0.0/16")
    router = net.make("router", name="r")["id"]
    net.join(router, one)

    net.join(router, two, 400)


def test_routes_must_have_a_reachable_next_hop(net: Net) -> None:
    _, subnet = net.network("10.0.0.0/24")
    router = net.make("router", name="r")["id"]
    net.join(router, subnet)
    good = {"destination": "10.7.0.0/16", "nexthop": "10.0.0.7"}

    assert net.put("router", router, routes=[good])["routes"] == [good]
    error = net.put("router", router, 400, routes=[{**good, "nexthop": "192.0.2.1"}])
    assert error["type"] == "InvalidRoutes"
    net.part(router, subnet, 409)
    net.put("router", router, routes=[])
    net.part(router, subnet)


def test_floating_ip_goes_from_port_to_port(net: Net, public: str) -> None:
    _, network, _ = _router(net, public)
    one, two = net.port(network), net.port(network)
    floating = net.make("floatingip", floating_network_id=public)
    assert floating["status"] == "DOWN"

    net.put("floatingip", floating["id"], port_id=one["id"])
    moved = net.put("floatingip", floating["id"], port_id=two["id"])

    assert moved["fixed_ip_address"] == two["fixed_ips"][0]["ip_address"]
    other = net.make("floatingip", floating_network_id=public)
    error = net.put("floatingip", other["id"], 409, port_id=two["id"])
    assert error["type"] == "FloatingIPPortAlreadyAssociated"
    freed = net.put("floatingip", floating["id"], port_id=None)
    assert freed["port_id"] is freed["router_id"] is None
    net.drop("floatingip", floating["id"])


def test_port_gone_frees_the_floating_ip(net: Net, public: str) -> None:
    _, network, _ = _router(net, public)
    port = net.port(network)["id"]
    floating = net.make("floatingip", floating_network_id=public, port_id=port)["id"]

    net.drop("port", port)

    assert net.get(f"floatingips/{floating}")["floatingip"]["port_id"] is None


def test_what_floating_ips_need_stays(net: Net, public: str) -> None:
    router, network, subnet = _router(net, public)
    port = net.port(network)["id"]
    net.make("floatingip", floating_network_id=public, port_id=port)

    error = net.put("router", router, 409, external_gateway_info={})

    assert error["type"] == "RouterExternalGatewayInUseByFloatingIp"
    net.part(router, subnet, 409)


def test_floating_ip_needs_a_way_in(net: Net, public: str) -> None:
    network, _ = net.network("10.0.0.0/24")
    port = net.port(network)["id"]

    error = net.make("floatingip", 404, floating_network_id=public, port_id=port)

    assert error["type"] == "ExternalGatewayForFloatingIPNotFound"
    net.make("floatingip", 400, floating_network_id=network)
    net.make("floatingip", 400, floating_network_id="public")
    net.make("floatingip", 400)
    assert net.get("floatingips")["floatingips"] == []


def test_gateway_extras_are_for_admins(net: Net, public: str) -> None:
    info = {"network_id": public, "enable_snat": False}

    net.make("router", 403, external_gateway_info=info)
    net.make("router", 400, external_gateway_info={"network_id": 5})
    net.make("router", 400, external_gateway_info=7)


def test_floating_ips_that_lead_nowhere_go_with_their_network(running: Cloud) -> None:
    admin = Net(running.admin)
    outside = admin.make("network", name="outside", **{"router:external": True})["id"]
    admin.make("subnet", network_id=outside, cidr="172.25.9.0/24", ip_version=4)
    floating = admin.make("floatingip", floating_network_id=outside)["id"]

    admin.drop("network", outside)

    admin.get(f"floatingips/{floating}", 404)


def test_agents_are_an_empty_list_to_others(net: Net) -> None:
    assert net.get("agents") == {"agents": []}
