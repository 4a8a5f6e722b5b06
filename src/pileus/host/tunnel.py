"""The way of tunnels between hosts where Open vSwitch forwards in userspace.

The kernel's Open vSwitch sends tunnels as the kernel sends anything. The one in userspace sends
them only through a bridge of its own that has the tunnel's address, which usually means to give it
the machine's network card. Instead, its bridge here has an address that nobody else sees, and the
kernel translates it into the machine's own: the machine's cards and routes stay as they are.
"""

import ipaddress
import subprocess
from pathlib import Path

from pileus.host import forwarding
from pileus.host.command import run
from pileus.host.ovs import OpenVSwitch

GENEVE = 6081
_KERNEL, _SWITCH, _LENGTH = "169.254.129.1", "169.254.129.2", 30


class Tunnel:
    """The tunnel end of the switch, reached by other hosts at `address`. Needs root."""

    def __init__(self, switch: OpenVSwitch, address: str) -> None:
        self._switch, self._address = switch, address
        tag = switch.place.tag
        # The switch's end, the kernel's end, and the translation between them and the world.
        self._bridge, self._port, self._table = f"pt{tag}", f"pk{tag}", f"pileus_{tag}_tunnel"
        self._mac = f"0e:74:{tag[:2]}:{tag[2:]}:00:02"

    @property
    def _needed(self) -> bool:
        there = not ipaddress.ip_address(self._address).is_loopback
        return there and self._switch.datapath == "netdev"

    def start(self) -> None:
        """Make it so, where it is needed. Raises HostError."""
        if not self._needed:
            return
        vsctl, bridge, port = self._switch.vsctl, self._bridge, self._port
        self._switch.bridge(bridge)
        vsctl("set", "bridge", bridge, f'other_config:hwaddr="{self._mac}"')
        vsctl("--may-exist", "add-port", bridge, port, "--", "set", "interface", port,
              "type=internal")  # fmt: skip
        run("ethtool", "-K", port, "tx", "off")
        mine = f"{_SWITCH}/{_LENGTH}"
        run("ip", "address", "replace", mine, "dev", bridge, "noprefixroute")
        run("ip", "address", "replace", f"{_KERNEL}/{_LENGTH}", "dev", port)
        for device in (bridge, port):
            run("ip", "link", "set", device, "up")
        # The address is the switch's: the kernel must send to it, not take it for its own.
        local = ("ip", "route", "delete", "local", _SWITCH, "dev", bridge, "table", "local")
        subprocess.run(local, check=False, capture_output=True)
        run("ip", "neighbour", "replace", _SWITCH, "lladdr", self._mac, "dev", port,
            "nud", "permanent")  # fmt: skip
        # The kernel would not take packets from an address that one of its devices has.
        Path(f"/proc/sys/net/ipv4/conf/{port}/accept_local").write_text("1\n")
        # What the kernel knows of routes is not for the switch: all goes through the kernel.
        self._switch.appctl("ovs/route/add", "0.0.0.0/0", bridge, _KERNEL)
        forwarding.switch_on(self._switch.place)
        self._nft(
            f"table ip {self._table} {{\n"
            "  chain in {\n"
            "    type nat hook prerouting priority dstnat; policy accept;\n"
            f"    ip daddr {self._address} udp dport {GENEVE} dnat to {_SWITCH}\n"
            "  }\n"
            "  chain out {\n"
            "    type nat hook postrouting priority srcnat; policy accept;\n"
            f"    ip saddr {_SWITCH} snat to {self._address}\n"
            "  }\n"
            "}\n"
        )

    def stop(self) -> None:
        """Take the translation away; the bridge goes with the switch."""
        if self._needed:
            self._nft("")

    def uninstall(self) -> None:
        """Stop, and switch forwarding off again if it was this cloud that switched it on."""
        self.stop()
        forwarding.switch_off(self._switch.place)

    def _nft(self, script: str) -> None:
        file = self._switch.place.run / "tunnel.nft"
        # The first two lines make the rest replace what stood there before.
        file.write_text(f"table ip {self._table}\ndelete table ip {self._table}\n{script}")
        run("nft", "-f", str(file))
