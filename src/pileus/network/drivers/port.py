"""A port in OVN: a logical switch port, and its place in the port groups of security groups."""

import re
from typing import Any

from pileus.core.backend import Refused
from pileus.network.driver import SwitchPort
from pileus.network.drivers.acl import ensure_drop_group
from pileus.network.drivers.northbound import Batch, label, labels

_HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})")
_TYPES = {"guest": "", "router": "router", "metadata": "localport"}


def ensure_port(batch: Batch, revision: int, port: SwitchPort) -> None:
    """Make the port what it should be. Raises Refused if its network is nowhere."""
    switch = batch.find("switch", port.network_id)
    if switch is None:
        raise Refused(
            f"port {port.id} is on network {port.network_id}, which is neither there "
            "nor in the same batch: apply the network first or together"
        )
    old = batch.find("port", port.id)
    before = set(label(old, "groups").split()) if old is not None else set()
    if old is not None and (was := label(old, "network")) != port.network_id:
        previous = batch.find("switch", was)
        if previous is not None:
            batch.leave(previous, "ports", old)
    marks = labels(
        "port",
        port.id,
        revision,
        port=port.kind,
        network=port.network_id,
        subnets=" ".join(subnet for subnet, _ in port.addresses),
        groups=" ".join(port.security_groups),
    )
    row = batch.ensure(
        "port",
        port.id,
        marks,
        name=port.id,
        type=_TYPES[port.kind],
        enabled=[port.up],
        addresses=_addresses(port),
        port_security=_port_security(port),
        options=_options(port, old),
        **_dhcp(batch, port),
    )
    batch.join(switch, "ports", row)
    for group in sorted(before - set(port.security_groups)):
        if (group_row := batch.find("security_group", group)) is not None:
            batch.leave(group_row, "ports", row)
    for group in port.security_groups:
        # A group that comes later takes its ports in when it is made.
        if (group_row := batch.find("security_group", group)) is not None:
            batch.join(group_row, "ports", row)
    drop = ensure_drop_group(batch)
    if port.kind == "guest" and port.port_security:
        batch.join(drop, "ports", row)
    elif old is not None:
        batch.leave(drop, "ports", row)


def forget_port(batch: Batch, id: str) -> None:
    """Remove the port; nothing there is fine."""
    row = batch.find("port", id)
    if row is None:
        return
    switch = batch.find("switch", label(row, "network"))
    if switch is not None:
        batch.leave(switch, "ports", row)
    batch.forget("port", id)


def _ips(port: SwitchPort) -> list[str]:
    return [ip for _, ip in port.addresses]


def _addresses(port: SwitchPort) -> list[str]:
    if port.kind == "router":
        return ["router"]
    own = " ".join([port.mac, *_ips(port)])
    if port.kind == "guest" and not port.port_security:
        return [own, "unknown"]
    return [own, *sorted({mac for mac, _ in port.allowed_pairs} - {port.mac})]


def _port_security(port: SwitchPort) -> list[str]:
    if port.kind != "guest" or not port.port_security:
        return []
    allowed: dict[str, list[str]] = {port.mac: _ips(port)}
    for mac, address in port.allowed_pairs:
        allowed.setdefault(mac, []).append(address)
    return [" ".join([mac, *dict.fromkeys(ips)]) for mac, ips in allowed.items()]


def _options(port: SwitchPort, old: Any | None) -> dict[str, str]:
    if port.kind == "router":
        options = {"router-port": f"lrp-{port.id}"}
        if old is not None and "nat-addresses" in old.options:
            options["nat-addresses"] = old.options["nat-addresses"]  # the router's to say
        return options
    # OVN parses the value as a constant of its language; what is no host name would break the flow
    # that answers DHCP, so such a name is not offered.
    named = port.kind == "guest" and _HOSTNAME.fullmatch(port.hostname)
    return {"hostname": f'"{port.hostname}"'} if named else {}


def _dhcp(batch: Batch, port: SwitchPort) -> dict[str, list[Any]]:
    """The first subnet of each version that answers DHCP."""
    columns: dict[str, list[Any]] = {"dhcpv4_options": [], "dhcpv6_options": []}
    if port.kind == "guest":
        for subnet, ip in port.addresses:
            column = "dhcpv6_options" if ":" in ip else "dhcpv4_options"
            options = batch.find("subnet", subnet)
            if options is not None and not columns[column]:
                columns[column] = [options]
    return columns
