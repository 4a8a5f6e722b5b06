"""The host network for Open vSwitch with OVN: taps on the integration bridge, and metadata."""

from collections.abc import Mapping, Sequence

from pileus.network.driver import MetadataHandler
from pileus.network.drivers.bridge import Bridge
from pileus.network.drivers.device import ensure_tap, exists, remove
from pileus.network.drivers.metadata import Metadata


class OvsHostNetwork:
    """A HostNetwork. `ovsdb` is the address of the switch's own database on this host.

    `userspace` says that the switch forwards in user space, which needs whole checksums from all
    that send. Metadata networks that a former process served are answered again at once.
    Raises Broken when the database does not answer.
    """

    name = "ovs"

    def __init__(self, ovsdb: str, bridge: str, handler: MetadataHandler, userspace: bool) -> None:
        self._userspace = userspace
        self._bridge = Bridge(ovsdb, bridge)
        try:
            self._metadata = Metadata(self._bridge, handler, whole_checksums=userspace)
        except BaseException:
            self._bridge.close()
            raise

    def plug(self, port_id: str, tap: str, mac: str, mtu: int) -> None:
        """Make the tap and join it to the bridge as this port."""
        if not exists(tap):
            self._bridge.detach(tap)  # the switch may hold on to a device that was lost
        ensure_tap(tap, mtu, whole_checksums=self._userspace)
        self._bridge.attach(tap, "guest", port_id, mac)

    def reserve(self, port_id: str, tap: str, mac: str, mtu: int) -> None:
        """Make the tap and join it to the bridge, as no port that OVN knows of."""
        if not exists(tap):
            self._bridge.detach(tap)
        ensure_tap(tap, mtu, whole_checksums=self._userspace)
        self._bridge.attach(tap, "guest", "", mac, reserved=port_id)

    def unplug(self, port_id: str, tap: str) -> None:
        """Take the tap from the bridge and from the host; not there is fine."""
        self._bridge.detach(tap)
        remove(tap)

    def plugged(self) -> Mapping[str, str]:
        """Ports on this host's bridge → their tap."""
        guests = self._bridge.attached("guest")
        return {
            marks.get("iface-id") or marks["pileus:reserved"]: device
            for device, marks in guests.items()
        }

    def serve_metadata(self, network_id: str, port_id: str, mac: str, cidrs: Sequence[str]) -> None:
        """Answer 169.254.169.254 and the addresses of `cidrs`, port 80, inside the network."""
        self._metadata.serve(network_id, port_id, mac, cidrs)

    def drop_metadata(self, network_id: str) -> None:
        """Stop answering in the network and remove what was made for it."""
        self._metadata.drop(network_id)

    def metadata_networks(self) -> Sequence[str]:
        """Networks in which metadata is answered on this host."""
        return self._metadata.networks()

    def close(self) -> None:
        """Stop answering metadata and let go of the database; all that is plugged stays."""
        self._metadata.close()
        self._bridge.close()
