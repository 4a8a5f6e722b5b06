"""Real guests change their host, cold and live; whatever dies meanwhile, one guest is left."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import libvirt
import pytest

from pileus.host.libvirtd import Libvirtd
from pileus.host.place import Place

from ..wait import until
from .machines import Host
from .test_hosts import FULL
from .world import World, a_world

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not FULL, reason="takes minutes: `make hosts` runs it"),
]
_RUNNING = libvirt.VIR_DOMAIN_RUNNING
CUT = 45.0  # seconds: libvirt gives up after 30
BOOT = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("moves"), 3) as made:
        made.open()
        for host in made.hosts[:2]:
            made.begin(host)
        for host in made.hosts[:2]:
            made.begun(host)
            until(lambda host=host: made.reached(host), f"ssh to the guest on {host.name}")
        yield made


class Traveller:
    """The guest that moves between the second and the third host."""

    def __init__(self, world: World) -> None:
        self.world, self.site = world, world.site
        self.server = world.servers[world.far.name]
        self.address, self.inside = world.outside[world.far.name], world.inside[world.far.name]

    def show(self) -> dict[str, Any]:
        return dict(self.site.call("GET", f"/compute/v2.1/servers/{self.server}")["server"])

    @property
    def host(self) -> Host:
        name = self.show()["OS-EXT-SRV-ATTR:host"]
        return next(host for host in self.world.hosts if host.name == name)

    @property
    def goal(self) -> Host:
        return next(h for h in self.world.hosts[1:] if h.name != self.host.name)

    def becomes(self, status: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            shown = self.show()
            idle = shown["status"] == status and shown["OS-EXT-STS:task_state"] is None
            return shown if idle else None

        return dict(until(look, f"the server to be {status}", 300))

    def live(self, goal: Host) -> None:
        body = {"host": goal.name, "block_migration": "auto"}
        self.site.action(self.server, **{"os-migrateLive": body})

    def migration(self) -> dict[str, Any]:
        """The newest one."""
        found = self.site.call("GET", f"/compute/v2.1/os-migrations?instance_uuid={self.server}")
        return dict(max(found["migrations"], key=lambda one: one["id"]))

    def runs(self) -> list[str]:
        """The hosts on which it has an emulator whose processors are not stopped."""
        return [host.name for host in self.world.hosts[1:] if self._state(host) == _RUNNING]

    def runs_twice(self) -> bool:
        """Whether it runs at both at one moment; no when a libvirtd cannot say."""
        one, other = self.world.hosts[1:]
        # The first again: it may have gone from there to the second between the two questions.
        try:
            return [self._state(h) for h in (one, other, one)] == [_RUNNING] * 3
        except libvirt.libvirtError:
            return False

    def _state(self, host: Host) -> int | None:
        connection = libvirt.open(Libvirtd(host.state).uri)
        try:
            domains = connection.listAllDomains()
            return next((d.state()[0] for d in domains if d.UUIDString() == self.server), None)
        finally:
            connection.close()

    def ssh(self, command: str) -> str:
        found: list[str] = []

        def look() -> bool:
            found.append(self.site.ssh(self.address, command).strip())
            return bool(found[-1])

        until(look, f"the guest to answer {command!r}")
        return found[-1]

    def at_rest(self) -> None:
        """It runs on its server's host and nowhere else, and nothing is left elsewhere."""
        site, here = self.site, self.host
        assert self.runs() == [here.name]
        for host in self.world.hosts[1:]:
            if host.name != here.name:
                until(lambda host=host: not site.domains(host), f"{host.name} to have no guest")
                until(lambda host=host: not site.plugged(host), f"{host.name} to have no port")
                assert list((host.state / "instances").glob("*-*")) == []
        until(lambda: self.site.audited() == [], "nothing to be wrong")


@pytest.fixture
def guest(world: World) -> Traveller:
    return Traveller(world)


@pytest.mark.parametrize("end", ["revertResize", "confirmResize"])
def test_a_guest_migrates_while_it_is_off(guest: Traveller, end: str) -> None:
    source, goal = guest.host, guest.goal
    guest.ssh(f"echo {end} >/root/kept; sync; echo done")

    guest.site.action(guest.server, migrate={"host": goal.name})
    assert guest.becomes("VERIFY_RESIZE")["OS-EXT-SRV-ATTR:host"] == goal.name
    assert guest.runs() == [goal.name]
    assert guest.ssh("cat /root/kept") == end
    guest.ssh("echo elsewhere >/root/kept; sync; echo done")
    guest.site.action(guest.server, **{end: None})

    there = goal if end == "confirmResize" else source
    assert guest.becomes("ACTIVE")["OS-EXT-SRV-ATTR:host"] == there.name
    kept = "elsewhere" if end == "confirmResize" else end
    assert guest.ssh("cat /root/kept") == kept
    guest.at_rest()


def test_a_guest_goes_on_at_another_host(guest: Traveller) -> None:
    source, goal = guest.host, guest.goal
    # An interface that came while it ran is elsewhere in it than one that it had from the start.
    wish = {"net_id": guest.world.network}
    path = f"/compute/v2.1/servers/{guest.server}/os-interface"
    guest.site.call("POST", path, {"interfaceAttachment": wish})
    guest.becomes("ACTIVE")
    boot = guest.ssh(BOOT)
    guest.ssh("echo before >/root/kept; (while sleep 1; do date >>/root/dates; done) & echo done")
    heard: list[str] = []
    pinger = guest.world.outside[guest.world.hosts[0].name]
    ping = f"ping -c 40 -w 60 {guest.inside}"
    thread = threading.Thread(target=lambda: heard.append(guest.site.ssh(pinger, ping)))
    thread.start()

    begun = time.monotonic()
    guest.live(goal)
    assert guest.becomes("ACTIVE")["OS-EXT-SRV-ATTR:host"] == goal.name
    took = time.monotonic() - begun

    thread.join()
    words = next(line for line in heard[0].splitlines() if "packet loss" in line).split()
    print(f"live migration: {took:.1f} s, pings {' '.join(words)}")
    assert guest.migration()["status"] == "completed"
    assert int(words[0]) - int(words[3]) <= 10
    assert guest.ssh(BOOT) == boot
    assert guest.ssh("cat /root/kept") == "before"
    first = guest.ssh("wc -l </root/dates")
    until(lambda: guest.ssh("wc -l </root/dates") != first, "the guest's own work to go on")
    assert source.name != goal.name
    guest.at_rest()


def test_a_guest_goes_on_at_the_control_planes_own_host_and_comes_back(guest: Traveller) -> None:
    site, source, boot = guest.site, guest.host, guest.ssh(BOOT)

    for goal in (site.control, source):
        guest.live(goal)
        assert guest.becomes("ACTIVE")["OS-EXT-SRV-ATTR:host"] == goal.name
        assert guest.ssh(BOOT) == boot

    assert len(site.domains(site.control)) == 1  # the guest that is always there
    guest.at_rest()


def _under_way(guest: Traveller, source: Host) -> None:
    """Wait until libvirt has begun, with enough left to do that something can come in between."""
    sockets = Place(source.state).run / "libvirt"
    until(lambda: list(sockets.glob("leaves-*.memory")), "the migration to be under way")


def _filled(guest: Traveller) -> str:
    """Give the guest something that takes its time to copy; what it is."""
    return guest.ssh("[ -f /big ] || dd if=/dev/urandom of=/big bs=1M count=150; sync; md5sum /big")


def test_an_aborted_migration_leaves_the_guest_where_it_was(guest: Traveller) -> None:
    source, goal = guest.host, guest.goal
    boot, big = guest.ssh(BOOT), _filled(guest)

    guest.live(goal)
    _under_way(guest, source)
    number = guest.migration()["id"]
    path = f"/compute/v2.1/servers/{guest.server}/migrations/{number}"
    guest.site.call("DELETE", path)

    assert guest.becomes("ACTIVE")["OS-EXT-SRV-ATTR:host"] == source.name
    assert guest.migration()["status"] == "cancelled"
    assert guest.ssh(BOOT) == boot
    assert guest.ssh("md5sum /big") == big
    guest.at_rest()


def _record(host: Host, name: str) -> int:
    return int((Place(host.state).run / "pids" / name).read_text().split()[0])


def _agent(guest: Traveller, host: Host) -> None:
    os.kill(guest.site.pid(host), signal.SIGKILL)
    guest.site.pileus(host, "agent", "up")


def _libvirtd(guest: Traveller, host: Host) -> None:
    os.kill(_record(host, "libvirtd"), signal.SIGKILL)


def _control(guest: Traveller, _: Host) -> None:
    os.kill(guest.site.pid(guest.site.control), signal.SIGKILL)
    guest.site.up()


def _agents(guest: Traveller, _: Host) -> None:
    hosts = guest.world.hosts[1:]
    for host in hosts:
        os.kill(guest.site.pid(host), signal.SIGKILL)
    for host in hosts:
        guest.site.pileus(host, "agent", "up")


def _cable(_: Traveller, host: Host) -> None:
    host.cut()
    time.sleep(CUT)  # the cut itself: what is tested is what it lasts
    host.mend()


KILLS: dict[str, Callable[[Traveller, Host], None]] = {
    "agent": _agent,
    "agents": _agents,
    "cable": _cable,
    "libvirtd": _libvirtd,
    "control": _control,
}
# Seconds after libvirt has begun; more of them, as KILLED="agent source 0.5,…", by hand.
KILLED = os.environ.get("KILLED", "agent source 0.5,agent goal 2,libvirtd source 2")
KILLED += "" if "KILLED" in os.environ else ",libvirtd goal 1,control source 1"


@pytest.mark.parametrize("killed", KILLED.split(","))
def test_whatever_is_killed_the_guest_runs_once(guest: Traveller, killed: str) -> None:
    what, where, after = killed.split()
    source, goal = guest.host, guest.goal
    boot, big = guest.ssh(BOOT), _filled(guest)
    twice: list[bool] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            twice.append(guest.runs_twice())

    guest.live(goal)
    _under_way(guest, source)
    watcher = threading.Thread(target=watch)
    watcher.start()
    time.sleep(float(after))
    KILLS[what](guest, source if where == "source" else goal)

    shown = guest.becomes("ACTIVE")
    over.set()
    watcher.join()
    ended = guest.migration()["status"]
    print(f"{killed}: {ended}, on {shown['OS-EXT-SRV-ATTR:host']}")
    assert not any(twice)
    assert (guest.ssh(BOOT), guest.ssh("md5sum /big")) == (boot, big)
    guest.at_rest()


def test_a_guest_that_is_deleted_on_its_way_is_gone(guest: Traveller) -> None:
    site, source = guest.site, guest.host
    guest.live(guest.goal)
    _under_way(guest, source)

    site.call("DELETE", f"/compute/v2.1/servers/{guest.server}")

    until(lambda: guest.server not in site.servers(), "the server to be gone")
    for host in guest.world.hosts[1:]:
        assert site.domains(host) == []
        assert site.plugged(host) == []
        assert list((host.state / "instances").glob("*-*")) == []
    assert site.audited() == []
