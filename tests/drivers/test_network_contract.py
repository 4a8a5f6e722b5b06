"""What every network driver promises, simulated or real."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest
from ovn_daemons import Watch, running_ovn

from pileus.core.backend import Refused
from pileus.network.driver import (
    Change,
    HostNetwork,
    Key,
    NetworkDriver,
    Router,
    RouterPort,
    Rule,
    SecurityGroup,
    Subnet,
    Switch,
    SwitchPort,
    Thing,
)
from pileus.network.drivers.simulated import SimulatedHostNetwork, SimulatedNetwork

_octets = itertools.count(1)


@dataclass
class Plane:
    """A network driver and one host of it."""

    network: NetworkDriver
    host: HostNetwork
    hostname: str
    watch: Watch


def answer(
    network: str, caller: str, method: str, path: str, headers: Mapping[str, str]
) -> tuple[int, str, bytes]:
    return 200, "text/plain", b"hello"


@pytest.fixture(scope="module", params=["simulated", pytest.param("ovn", marks=pytest.mark.real)])
def plane(request: pytest.FixtureRequest) -> Iterator[Plane]:
    if request.param == "simulated":
        simulated = SimulatedNetwork()
        host = SimulatedHostNetwork("host1.example", simulated, answer)
        yield Plane(simulated, host, "host1.example", Watch(simulated))
        return
    from pileus.network.drivers.ovn import OvnNetwork
    from pileus.network.drivers.ovs import OvsHostNetwork

    with running_ovn() as daemons:
        network = OvnNetwork(daemons.socket("nb"), daemons.socket("sb"))
        ovs = OvsHostNetwork(daemons.socket("switch"), "br-int", answer, userspace=True)
        yield Plane(network, ovs, "host1.example", Watch(network))
        ovs.close()
        network.close()


def a_switch() -> Switch:
    octet = next(_octets)
    subnet = Subnet(str(uuid4()), f"10.{octet}.0.0/24", f"10.{octet}.0.1", dhcp=True)
    return Switch(str(uuid4()), "a network", 1442, (subnet,))


def a_port(switch: Switch, *groups: SecurityGroup) -> SwitchPort:
    octet = next(_octets)
    ip = switch.subnets[0].cidr.replace(".0/24", f".{octet + 1}")
    return SwitchPort(
        str(uuid4()),
        switch.id,
        "guest",
        f"fa:16:3e:00:00:{octet:02x}",
        ((switch.subnets[0].id, ip),),
        security_groups=tuple(group.id for group in groups),
    )


def a_group(*remote: str) -> SecurityGroup:
    rules = [Rule(str(uuid4()), "egress", "IPv4")]
    rules += [Rule(str(uuid4()), "ingress", "IPv4", remote_group=group) for group in remote]
    return SecurityGroup(str(uuid4()), tuple(rules))


def a_router(switch: Switch) -> tuple[Router, SwitchPort]:
    ip = switch.subnets[0].gateway_ip
    assert ip is not None
    peer = SwitchPort(
        str(uuid4()), switch.id, "router", "fa:16:3e:ff:00:01", ((switch.subnets[0].id, ip),)
    )
    port = RouterPort(peer.id, switch.id, peer.mac, (f"{ip}/24",))
    return Router(str(uuid4()), "a router", True, (port,)), peer


def key(thing: Thing) -> Key:
    match thing:
        case Switch():
            return "switch", thing.id
        case SwitchPort():
            return "port", thing.id
        case Router():
            return "router", thing.id
        case SecurityGroup():
            return "security_group", thing.id


def put(*things: Thing, revision: int = 1) -> list[Change]:
    return [Change(key(thing), revision, thing) for thing in things]


def gone(*things: Thing) -> list[Change]:
    return [Change(key(thing), 2, None) for thing in things]


def a_world() -> list[Thing]:
    """One of everything; each refers to what comes later in the list."""
    switch, group = a_switch(), a_group()
    router, peer = a_router(switch)
    return [router, a_port(switch, group), peer, a_group(group.id), switch, group]


def test_what_was_applied_stands_at_its_revision(plane: Plane) -> None:
    switch = a_switch()
    plane.network.apply(put(switch, revision=7))
    assert plane.network.revisions()[key(switch)] == 7


def test_applying_twice_is_applying_once(plane: Plane) -> None:
    world = a_world()
    plane.network.apply(put(*world))
    before = dict(plane.network.revisions())
    plane.network.apply(put(*world))
    assert plane.network.revisions() == before


def test_a_newer_revision_replaces_the_older(plane: Plane) -> None:
    world = a_world()
    plane.network.apply(put(*world, revision=1))
    plane.network.apply(put(*world, revision=2))
    revisions = plane.network.revisions()
    assert {revisions[key(thing)] for thing in world} == {2}


def test_removing_what_is_gone_is_fine(plane: Plane) -> None:
    world = a_world()
    plane.network.apply(put(*world))
    plane.network.apply(gone(*world))
    plane.network.apply(gone(*world))
    assert not {key(thing) for thing in world} & set(plane.network.revisions())


@pytest.mark.parametrize("turn", [1, -1], ids=["forward", "backward"])
def test_a_batch_may_name_things_before_they_exist(plane: Plane, turn: int) -> None:
    world = a_world()[::turn]
    plane.network.apply(put(*world))
    assert {key(thing) for thing in world} <= set(plane.network.revisions())


@pytest.mark.parametrize("turn", [1, -1], ids=["forward", "backward"])
def test_all_can_be_removed_in_one_batch_in_any_order(plane: Plane, turn: int) -> None:
    world = a_world()
    plane.network.apply(put(*world))
    plane.network.apply(gone(*world[::turn]))
    assert not {key(thing) for thing in world} & set(plane.network.revisions())


def test_the_last_change_of_a_key_in_a_batch_counts(plane: Plane) -> None:
    switch = a_switch()
    plane.network.apply([*put(switch, revision=1), *gone(switch), *put(switch, revision=3)])
    assert plane.network.revisions()[key(switch)] == 3


def test_a_refused_batch_leaves_nothing(plane: Plane) -> None:
    switch, elsewhere = a_switch(), a_switch()
    before = dict(plane.network.revisions())
    with pytest.raises(Refused, match=elsewhere.id):
        plane.network.apply(put(switch, a_port(switch), a_port(elsewhere)))
    assert plane.network.revisions() == before


def test_a_port_and_the_removal_of_its_network_in_one_batch_are_refused(plane: Plane) -> None:
    switch = a_switch()
    plane.network.apply(put(switch))
    with pytest.raises(Refused):
        plane.network.apply([*put(a_port(switch)), *gone(switch)])
    assert key(switch) in plane.network.revisions()


def test_a_port_may_come_before_its_security_group(plane: Plane) -> None:
    switch, group = a_switch(), a_group()
    port = a_port(switch, group)
    plane.network.apply(put(switch, port))
    plane.network.apply(put(group))
    assert {key(port), key(group)} <= set(plane.network.revisions())


def test_ports_go_with_their_network(plane: Plane) -> None:
    switch = a_switch()
    port = a_port(switch)
    plane.network.apply(put(switch, port))
    plane.network.apply(gone(switch))
    assert key(port) not in plane.network.revisions()


def test_a_port_is_up_once_plugged_and_down_once_unplugged(plane: Plane) -> None:
    switch = a_switch()
    port = a_port(switch)
    tap = f"tap{port.id[:11]}"
    plane.network.apply(put(switch, port))
    assert port.id not in plane.network.ports_up()

    plane.host.plug(port.id, tap, port.mac, switch.mtu)
    plane.watch.until(lambda: plane.network.ports_up().get(port.id) == plane.hostname)
    plane.host.unplug(port.id, tap)
    plane.watch.until(lambda: port.id not in plane.network.ports_up())


def test_a_port_may_be_plugged_before_it_is_applied(plane: Plane) -> None:
    switch = a_switch()
    port = a_port(switch)
    tap = f"tap{port.id[:11]}"
    plane.host.plug(port.id, tap, port.mac, switch.mtu)
    plane.network.apply(put(switch, port))
    plane.watch.until(lambda: plane.network.ports_up().get(port.id) == plane.hostname)
    plane.host.unplug(port.id, tap)


def test_a_removed_port_is_not_up(plane: Plane) -> None:
    switch = a_switch()
    port = a_port(switch)
    tap = f"tap{port.id[:11]}"
    plane.network.apply(put(switch, port))
    plane.host.plug(port.id, tap, port.mac, switch.mtu)
    plane.watch.until(lambda: port.id in plane.network.ports_up())
    plane.network.apply(gone(port))
    assert port.id not in plane.network.ports_up()
    plane.host.unplug(port.id, tap)


def test_plugging_and_unplugging_may_be_repeated(plane: Plane) -> None:
    port = a_port(a_switch())
    tap = f"tap{port.id[:11]}"
    for _ in range(2):
        plane.host.plug(port.id, tap, port.mac, 1442)
    assert plane.host.plugged()[port.id] == tap
    for _ in range(2):
        plane.host.unplug(port.id, tap)
    assert port.id not in plane.host.plugged()


def test_metadata_may_be_served_and_dropped_again_and_again(plane: Plane) -> None:
    switch = a_switch()
    for _ in range(2):
        for _ in range(2):
            plane.host.serve_metadata(switch.id, str(uuid4()), "fa:16:3e:aa:00:01", ["10.9.0.2/24"])
        assert switch.id in plane.host.metadata_networks()
        for _ in range(2):
            plane.host.drop_metadata(switch.id)
        assert switch.id not in plane.host.metadata_networks()
