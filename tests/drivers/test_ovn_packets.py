"""What comes through the real OVN: two networks, a router, an outside, and packets between them."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest
from guest import Echo, Guest, pings
from ovn_daemons import OUTSIDE, OvnDaemons, Watch, running_ovn, until

from pileus.network.driver import (
    Change,
    Router,
    RouterPort,
    Rule,
    SecurityGroup,
    Subnet,
    Switch,
    SwitchPort,
    Thing,
)
from pileus.network.drivers.ovn import OvnNetwork
from pileus.network.drivers.ovs import OvsHostNetwork

pytestmark = pytest.mark.real

MTU = 1442
FLOATING = "192.0.2.50"
GATEWAY = "192.0.2.40"
METADATA = "169.254.169.254"

RED = Switch(
    "red",
    "red",
    MTU,
    (
        Subnet(
            "red4",
            "10.1.0.0/24",
            "10.1.0.1",
            dhcp=True,
            dns=("192.0.2.53",),
            host_routes=(("10.99.0.0/16", "10.1.0.9"),),
            metadata_ip="10.1.0.2",
        ),
        Subnet("red6", "fd00:1::/64", "fd00:1::1", dhcp=True),
    ),
)
BLUE = Switch("blue", "blue", MTU, (Subnet("blue4", "10.2.0.0/24", "10.2.0.1", True),))
PUBLIC = Switch("public", "public", 1500, (Subnet("pub4", "192.0.2.0/24", OUTSIDE, False),),
                physical="physnet1")  # fmt: skip
OPEN = Rule("out4", "egress", "IPv4")
OPEN6 = Rule("out6", "egress", "IPv6")
PING = Rule("ping", "ingress", "IPv4", "icmp")
PING6 = Rule("ping6", "ingress", "IPv6", "ipv6-icmp")
TCP = Rule("tcp", "ingress", "IPv4", "tcp", 2000, 2999)
GROUP = SecurityGroup("group-1", (OPEN, OPEN6, PING, PING6, TCP))
CLOSED = SecurityGroup("group-2", ())
FRIENDS = SecurityGroup(
    "group-3", (OPEN, Rule("friends", "ingress", "IPv4", remote_group="group-3"))
)

R1 = SwitchPort(
    "r1",
    "red",
    "guest",
    "fa:16:3e:01:00:11",
    (("red4", "10.1.0.11"), ("red6", "fd00:1::11")),
    security_groups=("group-1",),
    hostname="r1",
)
R2 = replace(
    R1,
    id="r2",
    mac="fa:16:3e:01:00:12",
    addresses=(("red4", "10.1.0.12"), ("red6", "fd00:1::12")),
    hostname="",
)
B1 = replace(
    R2, id="b1", network_id="blue", mac="fa:16:3e:02:00:11", addresses=(("blue4", "10.2.0.11"),)
)
META = SwitchPort("red-meta", "red", "metadata", "fa:16:3e:01:00:02", (("red4", "10.1.0.2"),))
PEERS = (
    SwitchPort("to-red", "red", "router", "fa:16:3e:0a:00:01", (("red4", "10.1.0.1"),)),
    SwitchPort("to-blue", "blue", "router", "fa:16:3e:0a:00:02", (("blue4", "10.2.0.1"),)),
    SwitchPort("to-public", "public", "router", "fa:16:3e:0a:00:03", (("pub4", GATEWAY),)),
)
ROUTER = Router(
    "router",
    "router",
    True,
    (
        RouterPort(
            "to-red",
            "red",
            PEERS[0].mac,
            ("10.1.0.1/24", "fd00:1::1/64"),
            ra="dhcpv6_stateful",
        ),
        RouterPort("to-blue", "blue", PEERS[1].mac, ("10.2.0.1/24",)),
        RouterPort("to-public", "public", PEERS[2].mac, (f"{GATEWAY}/24",), gateway=True),
    ),
    routes=(("0.0.0.0/0", OUTSIDE),),
    snat=(("10.1.0.0/24", GATEWAY), ("10.2.0.0/24", GATEWAY)),
)  # fmt: skip


@dataclass
class World:
    """The running network with its three guests."""

    daemons: OvnDaemons
    network: OvnNetwork
    host: OvsHostNetwork
    watch: Watch
    guests: dict[str, Guest]
    asked: list[tuple[str, str, str, str, Mapping[str, str]]]
    revision: int = 1

    def apply(self, *things: Thing) -> None:
        """Put the things and wait until all flows are installed."""
        self.revision += 1
        kinds = {Switch: "switch", SwitchPort: "port", Router: "router"}
        self.network.apply(
            [
                Change((kinds.get(type(thing), "security_group"), thing.id), self.revision, thing)  # type: ignore[arg-type]
                for thing in things
            ]
        )
        self.daemons.nbctl("--wait=hv", "sync")

    @contextmanager
    def changed(self, *things: Thing) -> Iterator[None]:
        """Put the things for a while; afterwards what was before."""
        before = {thing.id: thing for thing in EVERYTHING}
        self.apply(*things)
        try:
            yield
        finally:
            self.apply(*[before[thing.id] for thing in things])


EVERYTHING: tuple[Thing, ...] = (
    ROUTER, *PEERS, R1, R2, B1, META, GROUP, CLOSED, FRIENDS, RED, BLUE, PUBLIC,
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    asked: list[tuple[str, str, str, str, Mapping[str, str]]] = []

    def answer(
        network: str, caller: str, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        asked.append((network, caller, method, path, headers))
        return 200, "text/plain", b"x" * 100_000

    with running_ovn() as daemons, ExitStack() as stack:
        network = OvnNetwork(daemons.socket("nb"), daemons.socket("sb"))
        stack.callback(network.close)
        host = OvsHostNetwork(daemons.socket("switch"), "br-int", answer, userspace=True)
        world = World(daemons, network, host, Watch(network), {}, asked)
        stack.callback(lambda: OvsHostNetwork.close(world.host))  # the one that is there then
        world.apply(*EVERYTHING)
        for port in (R1, R2, B1):
            host.plug(port.id, f"tap-{port.id}", port.mac, MTU)
            stack.callback(lambda id=port.id: world.host.unplug(id, f"tap-{id}"))
            world.guests[port.id] = stack.enter_context(Guest(f"tap-{port.id}", port.mac))
        host.serve_metadata("red", META.id, META.mac, ["10.1.0.2/24"])
        stack.callback(lambda: world.host.drop_metadata("red"))
        world.watch.until(lambda: set(network.ports_up()) >= {"r1", "r2", "b1"})
        daemons.nbctl("--wait=hv", "sync")
        for guest in world.guests.values():
            guest.configure(guest.dhcp())
            if not guest.dhcp().routes:
                guest.ip("route", "add", "default", "via", "10.2.0.1")
        for name, last in (("r1", "11"), ("r2", "12")):
            world.guests[name].ip("addr", "add", f"fd00:1::{last}/64", "dev", "eth0", "nodad")
        yield world


def test_dhcp_gives_the_address_and_the_routes(world: World) -> None:
    lease = world.guests["r1"].dhcp()
    assert (lease.ip, lease.prefix) == ("10.1.0.11", 24)
    assert lease.routes == [
        ("169.254.169.254/32", "10.1.0.2"),
        ("10.99.0.0/16", "10.1.0.9"),
        ("0.0.0.0/0", "10.1.0.1"),
    ]
    assert lease.options[26] == MTU.to_bytes(2)
    assert lease.options[6] == bytes([192, 0, 2, 53])
    assert lease.options[51] == (43200).to_bytes(4)
    assert lease.options[12] == b"r1"


def test_ping_within_a_network(world: World) -> None:
    assert world.guests["r1"].pings("10.1.0.12", 5)


def test_ping_within_a_network_over_ipv6(world: World) -> None:
    assert world.guests["r1"].pings("fd00:1::12", 5)


def test_a_guest_learns_its_way_out_from_the_router_over_ipv6(world: World) -> None:
    guest = world.guests["r1"]
    until(lambda: "default via fe80::" in guest.ip("-6", "route"), 30, "a router advertisement")
    assert guest.pings("fd00:1::1", 5)


def test_ping_and_tcp_across_the_router(world: World) -> None:
    with world.guests["b1"].echoes(2000):
        assert world.guests["r1"].pings("10.2.0.11", 5)
        assert world.guests["r1"].says_over_tcp("10.2.0.11", 2000, b"hello") == b"10.1.0.11 hello"


def test_tcp_carries_much_more_than_a_packet(world: World) -> None:
    text = bytes(range(256)) * 1000
    with world.guests["r2"].echoes(2001):
        back = world.guests["r1"].says_over_tcp("10.1.0.12", 2001, text)
    assert back == b"10.1.0.11 " + text


def test_the_outside_sees_the_routers_address(world: World) -> None:
    with Echo(2002):
        assert world.guests["r1"].says_over_tcp(OUTSIDE, 2002, b"x") == f"{GATEWAY} x".encode()


def test_a_floating_ip_is_reached_from_outside(world: World) -> None:
    floating = replace(ROUTER, floating=(("fip-1", FLOATING, "10.1.0.11"),))
    with world.changed(floating), world.guests["r1"].echoes(2003):
        assert pings(FLOATING, 5)
        with socket.create_connection((FLOATING, 2003), 5) as connection:
            connection.sendall(b"hi")
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == f"{OUTSIDE} hi".encode()
    assert not pings(FLOATING)


def test_a_guest_with_a_floating_ip_is_seen_by_it_outside(world: World) -> None:
    floating = replace(ROUTER, floating=(("fip-1", FLOATING, "10.1.0.11"),))
    with world.changed(floating), Echo(2004):
        assert world.guests["r1"].says_over_tcp(OUTSIDE, 2004, b"x") == f"{FLOATING} x".encode()


def test_a_rule_taken_away_blocks_and_put_back_lets_through(world: World) -> None:
    with world.guests["r2"].echoes(2005):
        with world.changed(replace(GROUP, rules=(OPEN, PING))):
            with pytest.raises(TimeoutError):
                world.guests["r1"].says_over_tcp("10.1.0.12", 2005, b"x", seconds=1)
            assert world.guests["r1"].pings("10.1.0.12", 3)
        assert world.guests["r1"].says_over_tcp("10.1.0.12", 2005, b"x") == b"10.1.0.11 x"


def test_a_port_range_lets_nothing_else_through(world: World) -> None:
    with world.guests["r2"].echoes(3000), pytest.raises(TimeoutError):
        world.guests["r1"].says_over_tcp("10.1.0.12", 3000, b"x", seconds=1)


def test_a_port_without_rules_exchanges_nothing_but_dhcp_and_metadata(world: World) -> None:
    with world.changed(replace(R2, security_groups=("group-2",))):
        # The switch drops what it has in its cache a moment after its rules have changed.
        until(lambda: not world.guests["r1"].pings("10.1.0.12"), 5, "nothing comes through")
        assert not world.guests["r2"].pings("10.1.0.11")
        assert world.guests["r2"].dhcp().ip == "10.1.0.12"
        assert len(world.guests["r2"].says_over_tcp(METADATA, 80, b"GET / HTTP/1.0\r\n\r\n")) > 1000


def test_a_remote_group_lets_its_members_in_and_nobody_else(world: World) -> None:
    r1, r2 = (replace(port, security_groups=("group-3",)) for port in (R1, R2))
    with world.changed(r1, r2):
        assert world.guests["r1"].pings("10.1.0.12", 5)
        assert not world.guests["b1"].pings("10.1.0.12")


def test_a_guest_cannot_use_an_address_that_is_not_its_own(world: World) -> None:
    guest = world.guests["r1"]
    guest.ip("addr", "add", "10.1.0.77/24", "dev", "eth0")
    try:
        assert not guest.pings("10.1.0.1", source="10.1.0.77")
        pair = replace(R1, allowed_pairs=((R1.mac, "10.1.0.64/26"),))
        with world.changed(pair):
            assert guest.pings("10.1.0.1", 5, source="10.1.0.77")
        with world.changed(replace(R1, port_security=False)):
            assert guest.pings("10.1.0.1", 5, source="10.1.0.77")
    finally:
        guest.ip("addr", "del", "10.1.0.77/24", "dev", "eth0")


def test_a_port_that_is_set_down_exchanges_nothing(world: World) -> None:
    with world.changed(replace(R2, up=False)):
        assert not world.guests["r1"].pings("10.1.0.12")
    assert world.guests["r1"].pings("10.1.0.12", 5)


def test_a_router_that_is_set_down_forwards_nothing(world: World) -> None:
    with world.changed(replace(ROUTER, up=False)):
        assert not world.guests["r1"].pings("10.2.0.11")
    assert world.guests["r1"].pings("10.2.0.11", 5)


def test_metadata_knows_the_network_and_the_caller_and_no_claims(world: World) -> None:
    request = (
        b"GET /openstack/latest/meta_data.json HTTP/1.1\r\nHost: x\r\n"
        b"X-Forwarded-For: 10.1.0.12\r\n"
        b"X-Instance-ID: someone\r\nX-Metadata-Token: kept\r\n\r\n"
    )
    world.asked.clear()
    reply = world.guests["r1"].says_over_tcp(METADATA, 80, request)
    assert reply.startswith(b"HTTP/1.1 200") and reply.endswith(b"x" * 100_000)
    network, caller, method, path, headers = world.asked[0]
    assert (network, caller, method) == ("red", "10.1.0.11", "GET")
    assert path == "/openstack/latest/meta_data.json"
    assert headers == {"Host": "x", "X-Metadata-Token": "kept"}


def test_metadata_is_answered_again_after_the_process_was_replaced(world: World) -> None:
    world.host.close()
    world.host = OvsHostNetwork(
        world.daemons.socket("switch"), "br-int", lambda *_: (404, "text/plain", b"new"), True
    )
    assert world.host.metadata_networks() == ["red"]
    reply = world.guests["r1"].says_over_tcp(METADATA, 80, b"GET / HTTP/1.0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 404") and reply.endswith(b"new")


def test_rows_of_others_stay_as_they_are(world: World) -> None:
    world.daemons.nbctl("ls-add", "foreign", "--", "lsp-add", "foreign", "foreign-port")
    world.apply(*EVERYTHING)
    assert "foreign-port" in world.daemons.nbctl("lsp-list", "foreign")
    assert not [key for key in world.network.revisions() if "foreign" in key[1]]


def test_a_router_whose_gateway_host_is_another_has_to_be_applied_again(world: World) -> None:
    world.daemons.sbctl("chassis-add", "host2", "geneve", "127.0.0.2")
    world.daemons.sbctl(
        "set", "chassis", "host2", "other_config:ovn-bridge-mappings=physnet1:br-ex"
    )
    try:
        world.watch.until(lambda: world.network.revisions()["router", "router"] == -1)
        world.apply(ROUTER)
        assert world.network.revisions()["router", "router"] == world.revision
        assert "host2" in world.daemons.nbctl("lrp-get-gateway-chassis", "lrp-to-public")
    finally:
        world.daemons.sbctl("chassis-del", "host2")
        world.watch.until(lambda: world.network.revisions()["router", "router"] == -1)
        world.apply(ROUTER)
