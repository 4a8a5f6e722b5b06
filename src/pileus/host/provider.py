"""This machine's end of the external network: the gateway address and the way out."""

import ipaddress
import shutil

from pileus.host import forwarding
from pileus.host.command import run
from pileus.host.ovs import OpenVSwitch
from pileus.host.place import Place


class Provider:
    """The provider bridge, with `cidr` (the gateway's address and prefix) on its own port."""

    def __init__(self, switch: OpenVSwitch, cidr: str) -> None:
        self.switch = switch
        self.interface = ipaddress.ip_interface(cidr)
        self.name = self.bridge_of(switch.place)
        self.table = f"pileus_{switch.place.tag}"

    @staticmethod
    def bridge_of(place: Place) -> str:
        """The name of the provider bridge of the cloud in `place`."""
        return f"px{place.tag}"

    @property
    def leads_out(self) -> bool:
        """Whether guests can reach what this machine reaches: needs nftables for masquerading."""
        return shutil.which("nft") is not None

    def start(self) -> None:
        """Make the bridge and give it address and way out. Raises HostError."""
        self.switch.bridge(self.name)
        if self.switch.datapath == "netdev":
            # The userspace data path does not finish checksums that the kernel leaves to hardware.
            run("ethtool", "-K", self.name, "tx", "off")
        run("ip", "address", "replace", str(self.interface), "dev", self.name)
        run("ip", "link", "set", self.name, "up")
        if self.leads_out:
            self._lead_out()

    def stop(self) -> None:
        """Take the masquerading away; the bridge goes with the switch."""
        if self.leads_out:
            self._nft(f"table ip {self.table}\ndelete table ip {self.table}\n")

    def uninstall(self) -> None:
        """Stop, and switch forwarding off again if it was this cloud that switched it on."""
        self.stop()
        forwarding.switch_off(self.switch.place)

    def _lead_out(self) -> None:
        forwarding.switch_on(self.switch.place)
        self._nft(
            # The first two lines make the rest replace what stood there before.
            f"table ip {self.table}\n"
            f"delete table ip {self.table}\n"
            f"table ip {self.table} {{\n"
            "  chain out {\n"
            "    type nat hook postrouting priority srcnat; policy accept;\n"
            f'    ip saddr {self.interface.network} oifname != "{self.name}" masquerade\n'
            "  }\n"
            "}\n"
        )

    def _nft(self, script: str) -> None:
        file = self.switch.place.run / "out.nft"
        file.write_text(script)
        run("nft", "-f", str(file))
