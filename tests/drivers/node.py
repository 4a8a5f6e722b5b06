"""A whole host for tests: libvirt, OVN with an outside, and the agent's handlers over both."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from pileus.agent.guests import GuestHandler
from pileus.agent.metadata import MetadataHandler
from pileus.agent.moves import Moves
from pileus.compute.driver import GuestSpec
from pileus.compute.drivers.libvirt import LibvirtCompute
from pileus.host.images import tiny
from pileus.host.images.cache import default_cache
from pileus.host.libvirtd import Libvirtd
from pileus.host.ovn import Ovn
from pileus.network.driver import (
    Change,
    Kind,
    Router,
    RouterPort,
    Rule,
    SecurityGroup,
    Subnet,
    Switch,
    SwitchPort,
    Thing,
)
from pileus.network.drivers.metadata import namespace_of
from pileus.network.drivers.ovn import OvnNetwork
from pileus.network.drivers.ovs import OvsHostNetwork

T = TypeVar("T")
NET = "net-of-the-node"
OUTSIDE, FLOATING, ROUTED = "172.24.41.1", "172.24.41.50", "172.24.41.40"
INSIDE, MAC, MTU = "10.41.0.11", "fa:16:3e:41:00:11", 1442
PORT = "41aaaaaa-0000-4000-8000-000000000001"
META = ("meta-port", "fa:16:3e:41:00:02", ["10.41.0.2/24"])
TINY = "pileus-tiny"

_EDGE = (("in", NET, "fa:16:3e:41:00:01", "s", "10.41.0.1"),
         ("out", "public", "fa:16:3e:41:00:03", "p", ROUTED))  # fmt: skip
_GROUP = SecurityGroup(
    "group", (Rule("all", "egress", "IPv4"), Rule("ssh", "ingress", "IPv4", "tcp", 22, 22))
)
_TOPOLOGY: tuple[tuple[Kind, Thing], ...] = (
    ("security_group", _GROUP),
    ("switch", Switch(NET, "net", MTU, (
        Subnet("s", "10.41.0.0/24", "10.41.0.1", dhcp=True, metadata_ip="10.41.0.2"),))),
    ("switch", Switch("public", "public", 1500, (
        Subnet("p", "172.24.41.0/24", OUTSIDE, dhcp=False),), physical="public")),
    ("port", SwitchPort(
        PORT, NET, "guest", MAC, (("s", INSIDE),), security_groups=("group",), hostname="one")),
    ("port", SwitchPort(META[0], NET, "metadata", META[1], (("s", "10.41.0.2"),))),
    *(("port", SwitchPort(id, net, "router", mac, ((subnet, ip),)))
      for id, net, mac, subnet, ip in _EDGE),
    ("router", Router(
        "router", "router", True,
        tuple(RouterPort(id, net, mac, (f"{ip}/24",), gateway=id == "out")
              for id, net, mac, _, ip in _EDGE),
        routes=(("0.0.0.0/0", OUTSIDE),),
        snat=(("10.41.0.0/24", ROUTED),),
        floating=(("fip", FLOATING, INSIDE),),
    )),
)  # fmt: skip


class Images:
    """The tiny image under its name."""

    def path(self, image_id: str) -> tuple[Path, str]:
        assert image_id == TINY
        return tiny.build(default_cache()).disk, "qcow2"


class Node:
    """The host, with one network, one port of a guest and a floating IP that leads to it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.libvirtd = Libvirtd(home / "state")
        self.ovn = Ovn(home / "state", "one", f"{OUTSIDE}/24")
        self._key = home / "key"
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)]
        subprocess.run(words, check=True)
        key = self._key.with_suffix(".pub").read_text()
        self.metadata: dict[str, str] = {
            "/latest/meta-data/instance-id": "i-1",
            "/latest/meta-data/hostname": "from-metadata",
            "/latest/meta-data/public-keys/": "0=k",
            "/latest/meta-data/public-keys/0/openssh-key": key,
        }
        self.asked: list[tuple[str, str]] = []

    def start(self) -> None:
        """As at the machine's boot."""
        self.libvirtd.start()
        self.ovn.start()
        userspace = self.ovn.datapath == "netdev"
        self.compute = LibvirtCompute(
            self.libvirtd.uri, self.home / "instances", Images(), "tcg", userspace, "one"
        )
        self.network = OvnNetwork(self.ovn.northbound, self.ovn.southbound)
        self.host_network = OvsHostNetwork(
            self.ovn.switch.remote, self.ovn.integration, self._answer, userspace
        )
        self.network.apply([Change((kind, it.id), 1, it) for kind, it in _TOPOLOGY])
        self.guests = GuestHandler(
            self.compute, self.host_network, Moves(self.compute, lambda: "127.0.0.1")
        )
        served = {"port_id": META[0], "mac": META[1], "cidrs": META[2]}
        MetadataHandler(self.host_network).apply(NET, served)

    def stop(self) -> None:
        """Stop all daemons; guests go on."""
        self.host_network.close()
        self.network.close()
        self.libvirtd.stop()
        self.ovn.stop()

    def pull_the_plug(self, tap: str) -> None:
        """What a reset of the machine does: processes, devices and namespaces are gone."""
        self.libvirtd.kill_guests()
        self.stop()
        subprocess.run(["ip", "link", "del", tap], check=True)
        subprocess.run(["ip", "netns", "del", namespace_of(NET)], check=True)
        shutil.rmtree(self.libvirtd.place.run)

    def apply(self, spec: GuestSpec) -> Mapping[str, object]:
        return self.guests.apply(spec.id, asdict(spec))

    def _answer(
        self, network: str, caller: str, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        self.asked.append((network, caller))
        found = self.metadata.get(path)
        return (404, "text/plain", b"") if found is None else (200, "text/plain", found.encode())

    def ssh(self, command: str) -> bytes:
        """What the command prints in the guest, once it answers at its floating IP."""
        options = ("BatchMode=yes", "ConnectTimeout=5", "StrictHostKeyChecking=no",
                   "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")  # fmt: skip
        words = ["ssh", "-i", str(self._key), *(f"-o{option}" for option in options)]

        def answers() -> subprocess.CompletedProcess[bytes] | None:
            done = subprocess.run([*words, f"root@{FLOATING}", command], capture_output=True)
            return done if done.returncode == 0 else None

        return until(answers).stdout


def until(what: Callable[[], T | None], seconds: float = 100) -> T:
    """What `what` returns once it is something."""
    end = time.monotonic() + seconds
    while (found := what()) is None:
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)
    return found


@contextmanager
def running_node() -> Iterator[Node]:
    """A started node; everything of it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="node-"))
    node = Node(home)
    try:
        node.start()
        yield node
        for guest in node.compute.observe():
            node.guests.remove(guest.id)
        node.host_network.drop_metadata(NET)
    finally:
        node.stop()
        node.libvirtd.kill_guests()
        node.libvirtd.uninstall()
        node.ovn.uninstall()
        shutil.rmtree(home)
