"""A network in OVN: a logical switch, its provider port, and the DHCP options of its subnets."""

import hashlib
from ipaddress import ip_network

from pileus.network.driver import Subnet, Switch
from pileus.network.drivers.northbound import Batch, label, labels

LEASE_SECONDS = 43200
METADATA = "169.254.169.254"


def ensure_switch(batch: Batch, revision: int, switch: Switch) -> None:
    """Make the switch and what hangs on it what it should be."""
    old = batch.find("switch", switch.id)
    had = set(label(old, "subnets").split()) if old is not None else set()
    with_dhcp = [subnet for subnet in switch.subnets if subnet.dhcp]
    marks = labels(
        "switch",
        switch.id,
        revision,
        name=switch.name,
        physical=switch.physical or "",
        subnets=" ".join(subnet.id for subnet in with_dhcp),
    )
    row = batch.ensure("switch", switch.id, marks, name=f"pileus-{switch.id}")
    if switch.physical is not None:
        port = batch.ensure(
            "localnet",
            switch.id,
            labels("localnet", switch.id),
            name=f"provider-{switch.id}",
            type="localnet",
            addresses=["unknown"],
            options={"network_name": switch.physical},
            tag=[] if switch.vlan is None else [switch.vlan],
        )
        batch.join(row, "ports", port)
    elif (port := batch.find("localnet", switch.id)) is not None:
        batch.leave(row, "ports", port)
        batch.forget("localnet", switch.id)

    for gone in had - {subnet.id for subnet in with_dhcp}:
        batch.forget("subnet", gone)
    for subnet in with_dhcp:
        known = batch.find("subnet", subnet.id) is not None
        options = batch.ensure(
            "subnet",
            subnet.id,
            labels("subnet", subnet.id, network=switch.id),
            cidr=subnet.cidr,
            options=dhcp_options(switch, subnet),
        )
        if old is not None and not known:
            column = "dhcpv4_options" if _is_v4(subnet) else "dhcpv6_options"
            for port in old.ports:
                if label(port, "port") == "guest" and subnet.id in label(port, "subnets").split():
                    batch.put(port, **{column: [options]})


def forget_switch(batch: Batch, id: str) -> None:
    """Remove the switch with its ports; nothing there is fine."""
    row = batch.find("switch", id)
    if row is None:
        return
    for subnet in label(row, "subnets").split():
        batch.forget("subnet", subnet)
    batch.forget("switch", id)


def dhcp_options(switch: Switch, subnet: Subnet) -> dict[str, str]:
    """What OVN answers to DHCP in the subnet, in the words of its DHCP_Options table."""
    mac = server_mac(switch.id)
    if not _is_v4(subnet):
        options = {"server_id": mac}
        if subnet.dns:
            options["dns_server"] = "{" + ", ".join(subnet.dns) + "}"
        return options
    options = {
        "server_id": subnet.gateway_ip or subnet.metadata_ip or METADATA,
        "server_mac": mac,
        "lease_time": str(LEASE_SECONDS),
        "mtu": str(switch.mtu),
    }
    dns = [address for address in subnet.dns if ":" not in address]
    if dns:
        options["dns_server"] = "{" + ", ".join(dns) + "}"
    routes = [*subnet.host_routes]
    if subnet.metadata_ip:
        routes.insert(0, (f"{METADATA}/32", subnet.metadata_ip))
    if subnet.gateway_ip:
        options["router"] = subnet.gateway_ip
        if routes:
            # RFC 3442: who gets classless routes must not look at the router option.
            routes.append(("0.0.0.0/0", subnet.gateway_ip))
    if routes:
        pairs = ", ".join(f"{to},{via}" for to, via in routes)
        options["classless_static_route"] = "{" + pairs + "}"
    return options


def server_mac(network_id: str) -> str:
    """The DHCP server's address in a network: locally administered, always the same."""
    digest = hashlib.sha256(network_id.encode()).digest()
    return ":".join(["0e", "50", *(f"{byte:02x}" for byte in digest[:4])])


def _is_v4(subnet: Subnet) -> bool:
    return ip_network(subnet.cidr).version == 4
