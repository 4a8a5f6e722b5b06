"""A day of a cloud on several hosts. The tests build on each other, in this order.

Only as much as shows that guests on two hosts reach each other is in every run; the rest, and a
third host, with PILEUS_HOSTS=full.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from pileus.host.place import Place

from ..wait import until
from .machines import Host, machines
from .site import Site

FULL = os.environ.get("PILEUS_HOSTS") == "full"
HOSTS = 3 if FULL else 2
CUT = 60.0

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
full = pytest.mark.skipif(not FULL, reason="takes minutes: `make hosts` runs it")


@dataclass
class World:
    """What the tests share: a guest on every host."""

    site: Site
    network: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)  # host → server
    inside: dict[str, str] = field(default_factory=dict)  # host → its guest's fixed address
    outside: dict[str, str] = field(default_factory=dict)  # host → its guest's floating address

    @property
    def hosts(self) -> list[Host]:
        return self.site.machines.hosts

    @property
    def far(self) -> Host:
        """A host that is not the control plane's."""
        return self.hosts[1]

    def reached(self, host: Host) -> bool:
        """Whether the guest of the host answers at its floating address, with its own name."""
        return f"on-{host.name}" in self.site.ssh(self.outside[host.name], "hostname")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with machines(tmp_path_factory.mktemp("hosts")) as made:
        site = Site(made)
        try:
            site.up()
            for _ in range(HOSTS - 1):
                site.host()
            site.log_in()
            yield World(site)
        finally:
            site.close()


def test_hosts_join(world: World) -> None:
    services = until(
        lambda: len(found := world.site.services()) == HOSTS and found, "all hosts to be there"
    )

    assert services == {host.name: "up" for host in world.hosts}


def test_a_guest_starts_on_every_host(world: World) -> None:
    site = world.site
    net = "/network/v2.0"
    group = site.make(f"{net}/security-groups", "security_group", name="hosts")["id"]
    rules = {"icmp": {"protocol": "icmp"}, "ssh": {"protocol": "tcp", "port_range_min": 22}}
    for name, words in rules.items():
        more = {"port_range_max": words["port_range_min"]} if len(words) > 1 else {}
        values = {"security_group_id": group, "direction": "ingress", **words, **more}
        rule = site.make(f"{net}/security-group-rules", "security_group_rule", **values)
        world.rules[name] = str(rule["id"])
    world.network = site.make(f"{net}/networks", "network", name="hosts")["id"]
    subnet = {"network_id": world.network, "ip_version": 4, "cidr": "10.60.0.0/24"}
    made = site.make(f"{net}/subnets", "subnet", **subnet)
    public = site.call("GET", f"{net}/networks?name=public")["networks"][0]["id"]
    gateway = {"network_id": public}
    router = site.make(f"{net}/routers", "router", name="r", external_gateway_info=gateway)
    add = {"subnet_id": made["id"]}
    site.call("PUT", f"{net}/routers/{router['id']}/add_router_interface", add)
    key = site.key.with_suffix(".pub").read_text()
    site.make("/compute/v2.1/os-keypairs", "keypair", name="k", type="ssh", public_key=key)

    for host in world.hosts:
        words = {"key_name": "k", "security_groups": [{"name": "hosts"}]}
        world.servers[host.name] = site.server(f"on-{host.name}", host, world.network, **words)
    for host in world.hosts:
        shown = site.active(world.servers[host.name])
        assert shown["OS-EXT-SRV-ATTR:host"] == host.name
        port = site.port(shown["id"])
        assert port["status"] == "ACTIVE"
        world.inside[host.name] = port["fixed_ips"][0]["ip_address"]
        values = {"floating_network_id": public, "port_id": port["id"]}
        floating = site.make(f"{net}/floatingips", "floatingip", **values)
        world.outside[host.name] = floating["floating_ip_address"]
        assert len(site.domains(host)) == 1


def test_every_guest_is_reached_by_ssh_at_its_floating_address(world: World) -> None:
    for host in world.hosts:
        until(lambda host=host: world.reached(host), f"ssh to the guest on {host.name}")


def test_guests_on_different_hosts_ping_each_other(world: World) -> None:
    for one in world.hosts:
        for other in world.hosts:
            if one is not other:
                guest, address = world.outside[one.name], world.inside[other.name]
                assert world.site.pings_from(guest, address), (one.name, other.name)


def test_metadata_is_answered_on_every_host(world: World) -> None:
    url = "http://169.254.169.254/openstack/latest/meta_data.json"

    for host in world.hosts:
        found = json.loads(world.site.ssh(world.outside[host.name], f"wget -qO- {url}"))
        assert found["uuid"] == world.servers[host.name]


def test_the_console_log_comes_from_the_host(world: World) -> None:
    console = {"os-getConsoleOutput": {}}

    shown = world.site.action(world.servers[world.far.name], **console)["output"]

    assert "pileus-tiny: up after" in shown


@full
def test_an_image_is_made_of_a_guest_on_another_host(world: World) -> None:
    site = world.site
    server = world.servers[world.far.name]

    site.action(server, createImage={"name": "copy"})

    def look() -> bool:
        found = site.call("GET", "/image/v2/images?name=copy")["images"]
        return bool(found) and found[0]["status"] == "active"

    until(look, "the image to be active")
    site.active(server)


@full
def test_full_packets_pass_between_hosts(world: World) -> None:
    one, other = world.hosts[0], world.far
    guest = world.outside[one.name]

    answer = world.site.ssh(guest, f"ping -c 3 -w 10 -s 1414 {world.inside[other.name]}")

    assert " 0% packet loss" in answer, answer


@full
def test_a_rule_taken_away_blocks_between_hosts(world: World) -> None:
    site, rules = world.site, "/network/v2.0/security-group-rules"
    guest, address = world.outside[world.hosts[0].name], world.inside[world.far.name]
    assert site.pings_from(guest, address)
    was = site.call("GET", f"{rules}/{world.rules['icmp']}")["security_group_rule"]

    site.call("DELETE", f"{rules}/{world.rules['icmp']}")

    until(lambda: not site.pings_from(guest, address), "pings to be blocked")
    kept = {k: was[k] for k in ("security_group_id", "direction", "protocol")}
    site.make(rules, "security_group_rule", **kept)
    until(lambda: site.pings_from(guest, address), "pings to pass again")


@full
def test_a_killed_agent_goes_on_where_it_was(world: World) -> None:
    site, far = world.site, world.far
    server = world.servers[far.name]

    os.kill(site.pid(far), signal.SIGKILL)
    assert world.reached(far)
    site.action(server, reboot={"type": "HARD"})
    site.pileus(far, "agent", "up")

    site.active(server)
    until(lambda: world.reached(far), "the rebooted guest to answer")
    assert len(site.domains(far)) == 1


@full
def test_guests_answer_while_the_control_plane_is_away(world: World) -> None:
    site = world.site

    site.down()
    answered = [world.reached(host) for host in world.hosts]
    site.up()

    assert all(answered)
    until(lambda: set(site.services().values()) == {"up"}, "all hosts to be up")
    url = "http://169.254.169.254/openstack/latest/meta_data.json"
    read = lambda: site.ssh(world.outside[world.far.name], f"wget -qO- {url}")  # noqa: E731
    until(lambda: world.servers[world.far.name] in read(), "metadata to be answered again")


@full
def test_a_host_that_was_cut_off_comes_back(world: World) -> None:
    site, far = world.site, world.far
    before = site.domains(far)

    far.cut()
    time.sleep(CUT)  # the cut itself: what is tested is what it lasts
    assert not site.pings(world.outside[far.name])
    far.mend()

    until(lambda: world.reached(far), "the guest to be reached again")
    until(lambda: site.services()[far.name] == "up", "the host to be up again")
    assert site.domains(far) == before
    second = site.server("after-the-cut", far, world.network)
    site.active(second)
    site.call("DELETE", f"/compute/v2.1/servers/{second}")
    until(lambda: second not in site.servers(), "the second guest to be gone")


@full
def test_killed_engines_of_a_host_are_started_again(world: World) -> None:
    far = world.far
    records = Place(far.state).run / "pids"
    names = ("libvirtd", "ovsdb-switch", "ovs-vswitchd", "ovn-controller")

    def pid(name: str) -> int | None:
        with contextlib.suppress(FileNotFoundError, IndexError):  # it is just being started
            return int((records / name).read_text().split()[0])
        return None

    pids = {name: pid(name) or 0 for name in names}
    assert all(pids.values())

    for killed in pids.values():
        os.kill(killed, signal.SIGKILL)

    until(
        lambda: all(pid(name) not in (None, killed) for name, killed in pids.items()),
        "all engines to run again",
    )
    until(lambda: world.reached(far), "the guest to be reached again")


@full
def test_a_host_that_lost_power_brings_its_guests_back(world: World) -> None:
    site, far = world.site, world.far

    far.power_cut()
    shutil.rmtree(Place(far.state).run)
    site.pileus(far, "agent", "up")

    until(lambda: world.reached(far), "the guest to be reached again")
    assert site.active(world.servers[far.name])
    assert site.audited() == []


def test_deleting_leaves_nothing_on_any_host(world: World) -> None:
    site = world.site

    for server in site.servers():
        site.call("DELETE", f"/compute/v2.1/servers/{server}")

    until(lambda: not site.servers(), "all servers to be gone")
    for host in world.hosts:
        until(lambda host=host: not site.devices(host), f"{host.name} to have no devices")
        assert site.domains(host) == []
        assert site.plugged(host) == []
        assert list((host.state / "instances").glob("*")) == []
    assert site.audited() == []


@full
def test_a_host_that_leaves_is_as_it_was_before(world: World) -> None:
    site, far = world.site, world.far

    site.pileus(far, "agent", "leave")

    assert far.processes() == []
    links = {d["ifname"] for d in json.loads(far.run("ip", "-json", "link"))}
    assert links == {"lo", "eth0"}
    assert far.run("nft", "list", "tables") == ""
    assert far.name not in site.services()
    assert site.audited() == []


@full
def test_a_host_that_is_gone_for_good_is_forgotten_by_ovn(world: World) -> None:
    site, gone = world.site, world.hosts[-1]
    until(lambda: len(site.chassis()) == 2, "OVN to have forgotten the host that left")

    gone.power_cut()
    site.pileus(site.control, "agent", "remove", gone.name)

    until(lambda: site.chassis() == [site.control.name], "OVN to know one host only")
    assert set(site.services()) == {site.control.name}
