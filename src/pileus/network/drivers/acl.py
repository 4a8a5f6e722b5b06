"""A security group in OVN: a port group with an ACL for each rule; what no rule lets in is dropped.

Every guarded port is in the group `pileus_drop` as well, whose ACLs drop all IP traffic at a low
priority but let DHCP and metadata through.
"""

from typing import Any

from pileus.network.driver import Rule, SecurityGroup
from pileus.network.drivers.northbound import Batch, label, labels

DROP_GROUP = "pileus_drop"
_DROP, _ALLOW = 1001, 1002
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "132": "sctp"}

# (name, direction, priority, match, action)
_DROP_ACLS = [
    ("drop-out", "from-lport", _DROP, f"inport == @{DROP_GROUP} && ip", "drop"),
    ("drop-in", "to-lport", _DROP, f"outport == @{DROP_GROUP} && ip", "drop"),
    (
        "dhcp-out",
        "from-lport",
        _ALLOW,
        f"inport == @{DROP_GROUP} && ip4 && udp && udp.src == 68 && udp.dst == 67",
        "allow",
    ),
    (
        "dhcp-in",
        "to-lport",
        _ALLOW,
        f"outport == @{DROP_GROUP} && ip4 && udp && udp.src == 67 && udp.dst == 68",
        "allow",
    ),
    (
        "dhcpv6-out",
        "from-lport",
        _ALLOW,
        f"inport == @{DROP_GROUP} && ip6 && ip6.dst == ff02::1:2 "
        "&& udp && udp.src == 546 && udp.dst == 547",
        "allow",
    ),
    (
        "dhcpv6-in",
        "to-lport",
        _ALLOW,
        f"outport == @{DROP_GROUP} && ip6 && udp && udp.src == 547 && udp.dst == 546",
        "allow",
    ),
    (
        "metadata-out",
        "from-lport",
        _ALLOW,
        f"inport == @{DROP_GROUP} && ip4.dst == 169.254.169.254 && tcp && tcp.dst == 80",
        "allow-related",
    ),
]


def group_name(id: str) -> str:
    """The name of a security group's port group."""
    return "pg_" + id.replace("-", "_")


def ensure_group(batch: Batch, revision: int, group: SecurityGroup) -> None:
    """Make the port group's ACLs those of the rules."""
    name = group_name(group.id)
    fresh = batch.find("security_group", group.id) is None
    marks = labels("security_group", group.id, revision)
    row = batch.ensure("security_group", group.id, marks, name=name)
    if fresh:
        for _, port in batch.all("port"):
            if group.id in label(port, "groups").split():
                batch.join(row, "ports", port)
    wanted = {
        rule.id: {
            "direction": "to-lport" if rule.direction == "ingress" else "from-lport",
            "priority": _ALLOW,
            "match": match(name, rule),
            "action": "allow-related",
        }
        for rule in group.rules
    }
    _acls(batch, row, wanted, fresh)


def forget_group(batch: Batch, id: str) -> None:
    """Remove the port group and its ACLs; nothing there is fine."""
    batch.forget("security_group", id)


def ensure_drop_group(batch: Batch) -> Any:
    """The port group that denies by default."""
    row = batch.find("drop", DROP_GROUP)
    if row is not None:
        return row
    row = batch.ensure("drop", DROP_GROUP, labels("drop", DROP_GROUP), name=DROP_GROUP)
    wanted = {
        name: {"direction": direction, "priority": priority, "match": match, "action": action}
        for name, direction, priority, match, action in _DROP_ACLS
    }
    _acls(batch, row, wanted, fresh=True)
    return row


def _acls(batch: Batch, group: Any, wanted: dict[str, dict[str, Any]], fresh: bool) -> None:
    old = {} if fresh else {label(acl, "rule"): acl for acl in group.acls}
    for rule, acl in old.items():
        if rule not in wanted:
            batch.part(group, "acls", acl)
    for rule, columns in wanted.items():
        if rule in old:
            batch.put(old[rule], **columns)
        else:
            marks = {"pileus:rule": rule}
            batch.join(group, "acls", batch.insert("ACL", external_ids=marks, **columns))


def match(group: str, rule: Rule) -> str:
    """The rule in OVN's language of matches."""
    v6 = rule.ethertype == "IPv6"
    ip = "ip6" if v6 else "ip4"
    inwards = rule.direction == "ingress"
    parts = [f"{'outport' if inwards else 'inport'} == @{group}", ip]
    remote = f"{ip}.{'src' if inwards else 'dst'}"
    if rule.remote_group is not None:
        parts.append(f"{remote} == ${group_name(rule.remote_group)}_{ip}")
    elif rule.remote_cidr is not None and not rule.remote_cidr.endswith("/0"):
        parts.append(f"{remote} == {rule.remote_cidr}")
    return " && ".join(parts + _protocol(rule, v6))


def _protocol(rule: Rule, v6: bool) -> list[str]:
    if rule.protocol is None:
        return []
    protocol = _PROTOCOLS.get(rule.protocol, rule.protocol)
    if protocol in ("icmp", "ipv6-icmp", "icmpv6"):
        icmp = "icmp6" if v6 else "icmp4"
        parts = [icmp]
        if rule.port_min is not None:
            parts.append(f"{icmp}.type == {rule.port_min}")
        if rule.port_max is not None:
            parts.append(f"{icmp}.code == {rule.port_max}")
        return parts
    if protocol in ("tcp", "udp", "sctp"):
        parts = [protocol]
        if rule.port_min is not None and rule.port_min == rule.port_max:
            parts.append(f"{protocol}.dst == {rule.port_min}")
        else:
            if rule.port_min is not None:
                parts.append(f"{protocol}.dst >= {rule.port_min}")
            if rule.port_max is not None:
                parts.append(f"{protocol}.dst <= {rule.port_max}")
        return parts
    return [f"ip.proto == {protocol}"]
