"""What the network service asks of the data plane.

Two Protocols: `NetworkDriver` holds the logical world (switches, routers, addresses, rules) for
the whole cloud; `HostNetwork` plugs ports into it on one host. Neither sees a row or a request.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class Subnet:
    """A subnet as its switch sees it: DHCP is answered where `dhcp` is true."""

    id: str
    cidr: str
    gateway_ip: str | None
    dhcp: bool
    dns: tuple[str, ...] = ()
    host_routes: tuple[tuple[str, str], ...] = ()  # (destination, nexthop)
    # The address in this subnet at which the network's metadata port answers (None: no metadata);
    # guests reach 169.254.169.254 through it, by a DHCP classless static route.
    metadata_ip: str | None = None


@dataclass(frozen=True)
class Switch:
    """A network. `physical` bridges it to a provider network on every host that maps it."""

    id: str
    name: str
    mtu: int
    subnets: tuple[Subnet, ...] = ()
    physical: str | None = None
    vlan: int | None = None


@dataclass(frozen=True)
class SwitchPort:
    """A port. `kind` says what stands behind it.

    guest: an interface plugged on a host; router: the peer of the router's port `RouterPort` with
    the same id; metadata: OVN's localport, present on every host.
    """

    id: str
    network_id: str
    kind: Literal["guest", "router", "metadata"]
    mac: str
    addresses: tuple[tuple[str, str], ...]  # (subnet id, ip)
    up: bool = True
    port_security: bool = True
    security_groups: tuple[str, ...] = ()
    allowed_pairs: tuple[tuple[str, str], ...] = ()  # (mac, ip or cidr)
    hostname: str = ""


@dataclass(frozen=True)
class RouterPort:
    """An interface of a router; `gateway` is the one to the external network."""

    id: str
    network_id: str
    mac: str
    cidrs: tuple[str, ...]  # its addresses with prefix length
    gateway: bool = False
    # How IPv6 guests behind it get their address (None: it sends no router advertisements).
    ra: Literal["slaac", "dhcpv6_stateful", "dhcpv6_stateless"] | None = None


@dataclass(frozen=True)
class Router:
    """A router with everything on it, so that it is one unit of change."""

    id: str
    name: str
    up: bool
    ports: tuple[RouterPort, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()  # (destination cidr, nexthop), the default included
    snat: tuple[tuple[str, str], ...] = ()  # (inside cidr, outside ip)
    # (floating ip id, outside ip, inside ip)
    floating: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Rule:
    """One security-group rule; it lets matching traffic in or out, with replies."""

    id: str
    direction: Literal["ingress", "egress"]
    ethertype: Literal["IPv4", "IPv6"]
    protocol: str | None = None  # "tcp", "udp", "icmp", "ipv6-icmp" or a number; None: any
    port_min: int | None = None  # ICMP: the type
    port_max: int | None = None  # ICMP: the code
    remote_cidr: str | None = None
    remote_group: str | None = None


@dataclass(frozen=True)
class SecurityGroup:
    """A set of rules that holds for every port that names it."""

    id: str
    rules: tuple[Rule, ...] = ()


Kind = Literal["switch", "port", "router", "security_group"]
Thing = Switch | SwitchPort | Router | SecurityGroup
Key = tuple[Kind, str]


@dataclass(frozen=True)
class Change:
    """The thing that should stand under `key` at `revision`; None: nothing should."""

    key: Key
    revision: int
    thing: Thing | None


class NetworkDriver(Protocol):
    """The logical world of the whole cloud. Every call may be repeated.

    Ports with `port_security` and no matching rule exchange no traffic but DHCP, ARP/ND and
    metadata: deny is the default.
    """

    name: str

    def revisions(self) -> Mapping[Key, int]:
        """What stands there, and at which revision it was written.

        -1 says that a thing stands there but has to be applied again, whatever its revision: the
        hosts have changed in a way that matters to it.
        """
        ...

    def apply(self, changes: Sequence[Change]) -> None:
        """Make every change of the batch, in one transaction of the back end.

        A batch may hold things that refer to each other, in any order. Raises Busy, Refused or
        Broken (`pileus.core.backend`); nothing of the batch stands then.
        """
        ...

    def ports_up(self) -> Mapping[str, str]:
        """Ports of kind guest that a host has plugged and whose flows are installed → host."""
        ...

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call this, from a thread of the driver, when `ports_up` or `revisions` may differ.

        It takes the place of the callback before it, whose process has ended or been reset. It must
        return at once and not call the driver: it is there to wake a loop.
        """
        ...

    def close(self) -> None:
        """Let go of connections and threads; what was applied stays."""
        ...


@runtime_checkable
class PortNews(Protocol):
    """What a NetworkDriver may be able to do besides: tell which ports have changed.

    Without it every look at the ports looks at all of them. The revisions of a driver that has it
    are changed by `apply` alone, so that `on_change` is about ports only.
    """

    def moved(self, since: int) -> tuple[int, Collection[str] | None]:
        """The moment of now, and the ports that went up or down after the moment `since`.

        None for the ports when that is not known any more; the first moment is 0.
        """
        ...

    def where(self, port_ids: Iterable[str]) -> Mapping[str, str]:
        """As `ports_up`, of these ports alone."""
        ...


# (network id, caller's address, method, path, headers) → (status, content type, body)
MetadataHandler = Callable[[str, str, str, str, Mapping[str, str]], tuple[int, str, bytes]]


class HostNetwork(Protocol):
    """One host's end of the data plane."""

    name: str

    def plug(self, port_id: str, tap: str, mac: str, mtu: int) -> None:
        """Make the tap device and join it to the integration bridge as this port."""
        ...

    def reserve(self, port_id: str, tap: str, mac: str, mtu: int) -> None:
        """Make the tap device without the port's being here yet; one that is plugged stays so.

        For a guest that is about to come, and meanwhile runs at another host with the same port.
        """
        ...

    def unplug(self, port_id: str, tap: str) -> None:
        """Remove the tap device from the bridge and from the host."""
        ...

    def plugged(self) -> Mapping[str, str]:
        """Ports plugged or reserved on this host → their tap device."""
        ...

    def serve_metadata(self, network_id: str, port_id: str, mac: str, cidrs: Sequence[str]) -> None:
        """Answer 169.254.169.254 and `cidrs`' addresses, port 80, inside the network.

        Requests go to the handler that the host network was made with, together with the network's
        id and the caller's address, which is the only identity that counts.
        """
        ...

    def drop_metadata(self, network_id: str) -> None:
        """Stop answering in the network and remove what `serve_metadata` made."""
        ...

    def metadata_networks(self) -> Sequence[str]:
        """Networks in which metadata is answered on this host."""
        ...

    def close(self) -> None:
        """Stop answering metadata in this process; what was plugged stays plugged."""
        ...
