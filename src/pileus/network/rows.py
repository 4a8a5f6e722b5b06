"""The network service's tables: what they hold, and how each attribute is read and shown."""

from typing import Any

import sqlalchemy as sa

from ..core.db import Tx
from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Bool, Cidr, Enum, Int, Ip, Json, ListOf, Mac, Text, Uuid, When, Where

GATEWAY = "network:router_gateway"
INTERFACE = "network:router_interface"
FLOATING = "network:floatingip"
METADATA = "network:distributed"
_NO_GUESTS = (GATEWAY, INTERFACE, FLOATING, METADATA)
_WIDE = 1 << 31  # which ports and ICMP types are right depends on the protocol


def nothing(_tx: Tx) -> list[Any]:
    """A default: an empty list."""
    return []


def no_keys(_tx: Tx) -> dict[str, Any]:
    """A default: an empty object."""
    return {}


class Id(Uuid):
    """A UUID; any other text in a query simply matches nothing."""

    def read(self, text: str, where: Where) -> str:
        """The text as it is, shortened to what a UUID could be."""
        return text[:64]


class Standard:
    """What every resource of the network API has."""

    id = attr(Id(), key=True, default=new_uuid, filter=True, sort=True)
    project_id = attr(Text(255), default="", filter=True, sort=True, index=True)
    name = attr(Text(255), default="", create=True, update=True, filter=True, sort=True)
    description = attr(Text(255), default="", create=True, update=True, filter=True, sort=True)
    revision_number = attr(Int(), default=1, filter=True, sort=True)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)
    tags = attr(Json(), default=nothing)


class Network(Standard, Resource):
    """A layer-2 network."""

    one, many = "network", "networks"

    admin_state_up = attr(
        Bool(True), default=True, create=True, update=True, filter=True, sort=True
    )
    status = attr(Text(16), default="ACTIVE", filter=True, sort=True)
    shared = attr(Bool(True), default=False, create=True, update=True, filter=True, sort=True)
    external = attr(
        Bool(True), default=False, create=True, update=True, filter=True, wire="router:external"
    )
    is_default = attr(Bool(True), default=False, create=True, update=True, filter=True)
    mtu = attr(Int(68, 65535, True), default=1442, create=True, update=True, filter=True, sort=True)
    port_security_enabled = attr(Bool(True), default=True, create=True, update=True, filter=True)
    network_type = attr(
        Enum("flat", "vlan", "geneve"),
        default="geneve",
        create=True,
        filter=True,
        wire="provider:network_type",
        show="get_network:provider:network_type",
    )
    physical_network = attr(
        Text(64, 1),
        null=True,
        create=True,
        filter=True,
        wire="provider:physical_network",
        show="get_network:provider:physical_network",
    )
    segmentation_id = attr(
        Int(1, 16777215, True),
        null=True,
        create=True,
        filter=True,
        wire="provider:segmentation_id",
        show="get_network:provider:segmentation_id",
    )
    availability_zone_hints = attr(ListOf(Text(255)), default=nothing, create=True)


class Subnet(Standard, Resource):
    """A block of addresses on a network."""

    one, many = "subnet", "subnets"

    network_id = attr(
        Id(), create="required", filter=True, sort=True, references="networks.id", index=True
    )
    ip_version = attr(Int(4, 6, True), filter=True, sort=True)
    cidr = attr(Cidr(), filter=True, sort=True)
    gateway_ip = attr(Ip(), null=True, filter=True, sort=True)
    enable_dhcp = attr(Bool(True), default=True, create=True, update=True, filter=True, sort=True)
    ipv6_ra_mode = attr(
        Enum("slaac", "dhcpv6-stateful", "dhcpv6-stateless"), null=True, create=True, filter=True
    )
    ipv6_address_mode = attr(
        Enum("slaac", "dhcpv6-stateful", "dhcpv6-stateless"), null=True, create=True, filter=True
    )
    allocation_pools = attr(Json(), default=nothing)
    dns_nameservers = attr(ListOf(Ip(), 20, unique=True), default=nothing, create=True, update=True)
    host_routes = attr(Json(), default=nothing)
    service_types = attr(ListOf(Text(255)), default=nothing, create=True, update=True)
    subnetpool_id = attr(Id(), null=True, filter=True)


class Port(Standard, Resource):
    """A place on a network that something is plugged into."""

    one, many = "port", "ports"
    constraints = (
        sa.UniqueConstraint("network_id", "mac_address"),
        sa.Index("ix_ports_network_host", "network_id", "host"),
        sa.Index("ix_ports_status_host", "status", "host"),
        # For a network's metadata port, which every new server asks for.
        sa.Index("ix_ports_network_owner", "network_id", "device_owner"),
    )

    network_id = attr(Id(), create="required", filter=True, sort=True, references="networks.id")
    mac_address = attr(Mac(), create=True, update=True, filter=True, sort=True)
    admin_state_up = attr(
        Bool(True), default=True, create=True, update=True, filter=True, sort=True
    )
    status = attr(Text(16), default="DOWN", filter=True, sort=True)
    device_id = attr(
        Text(255), default="", create=True, update=True, filter=True, sort=True, index=True
    )
    device_owner = attr(Text(255), default="", create=True, update=True, filter=True, sort=True)
    port_security_enabled = attr(Bool(True), default=True, create=True, update=True, filter=True)
    allowed_address_pairs = attr(Json(), default=nothing)
    host = attr(
        Text(255),
        default="",
        create=True,
        update=True,
        filter=True,
        wire="binding:host_id",
        show="get_port:binding:host_id",
    )
    vnic_type = attr(
        Enum("normal"),
        default="normal",
        create=True,
        update=True,
        filter=True,
        wire="binding:vnic_type",
    )
    profile = attr(
        Json(),
        default=no_keys,
        create=True,
        update=True,
        wire="binding:profile",
        show="get_port:binding:profile",
    )
    hostname = attr(Text(255), default="", show=False)
    claimed = attr(Bool(), default=False, show=False)  # made for its server, and goes with it
    position = attr(Int(), default=0, show=False)  # among its server's ports


class PortAddress(Resource):
    """An address that a port holds. The key is what makes an address one port's alone."""

    one, many = "port_address", "port_addresses"
    # Counted from the subnet's first address, so that a gap can be found by the database.
    constraints = (sa.Index("ix_port_address_offset", "subnet_id", "offset"),)

    subnet_id = attr(Id(), key=True, references="subnets.id")
    ip = attr(Text(45), key=True)
    offset = attr(Int())
    port_id = attr(Id(), references="ports.id", index=True)
    network_id = attr(Id())
    position = attr(Int(), default=0)


class PortGroup(Resource):
    """A security group of a port."""

    one, many = "port_group", "port_groups"

    port_id = attr(Id(), key=True, references="ports.id")
    group_id = attr(Id(), key=True, references="security_groups.id", index=True)
    position = attr(Int(), default=0)


class Router(Standard, Resource):
    """A router. Its interfaces and its gateway are ports."""

    one, many = "router", "routers"

    admin_state_up = attr(
        Bool(True), default=True, create=True, update=True, filter=True, sort=True
    )
    status = attr(Text(16), default="ACTIVE", filter=True, sort=True)
    routes = attr(Json(), default=nothing)
    gateway_port_id = attr(Id(), null=True, show=False)
    gateway_network_id = attr(Id(), null=True, show=False, index=True)
    enable_snat = attr(Bool(), default=True, show=False)
    availability_zone_hints = attr(ListOf(Text(255)), default=nothing, create=True)


class FloatingIp(Standard, Resource):
    """An outside address that a router translates to a port's."""

    one, many = "floatingip", "floatingips"
    constraints = (sa.UniqueConstraint("floating_network_id", "floating_ip_address"),)

    name = attr(Text(255), default="", show=False)
    floating_network_id = attr(Id(), create="required", filter=True, sort=True)
    floating_ip_address = attr(Ip(), filter=True, sort=True)
    port_id = attr(Id(), null=True, filter=True, sort=True, index=True)
    fixed_ip_address = attr(Ip(), null=True, filter=True, sort=True)
    router_id = attr(Id(), null=True, filter=True, sort=True, index=True)
    status = attr(Text(16), default="DOWN", filter=True, sort=True)
    floating_port_id = attr(Id(), show=False)


class SecurityGroup(Standard, Resource):
    """A set of rules for the ports that name it."""

    one, many = "security_group", "security_groups"

    stateful = attr(Bool(True), default=True, filter=True)
    shared = attr(Bool(True), default=False, filter=True)


class SecurityGroupRule(Resource):
    """One kind of traffic that a security group lets through."""

    one, many = "security_group_rule", "security_group_rules"

    id = attr(Id(), key=True, default=new_uuid, filter=True, sort=True)
    project_id = attr(Text(255), default="", filter=True, sort=True, index=True)
    description = attr(Text(255), default="", create=True, filter=True, sort=True)
    revision_number = attr(Int(), default=0, filter=True)
    created_at = attr(When(), default=now, sort=True)
    updated_at = attr(When(), default=now, sort=True)
    security_group_id = attr(
        Id(),
        create="required",
        filter=True,
        sort=True,
        references="security_groups.id",
        index=True,
    )
    direction = attr(Enum("ingress", "egress"), create="required", filter=True, sort=True)
    ethertype = attr(Enum("IPv4", "IPv6"), default="IPv4", filter=True, sort=True)
    protocol = attr(Text(40), null=True, filter=True, sort=True)
    port_range_min = attr(Int(-_WIDE, _WIDE, True), null=True, create=True, filter=True, sort=True)
    port_range_max = attr(Int(-_WIDE, _WIDE, True), null=True, create=True, filter=True, sort=True)
    remote_ip_prefix = attr(Text(64), null=True, filter=True, sort=True)
    remote_group_id = attr(Id(), null=True, filter=True, sort=True, index=True)


def is_guest(port: Port) -> bool:
    """Whether what stands behind the port is something plugged on a host."""
    return port.device_owner not in _NO_GUESTS


def of_guests() -> "sa.ColumnElement[bool]":
    """The condition for what `is_guest` says of a port."""
    return Port.device_owner.not_in(_NO_GUESTS)
