"""Security-group rules in the API."""

import ipaddress
from typing import Any

from ..core.errors import BadRequest, Conflict
from ..core.types import Cidr, Text
from ..wire.context import Context
from . import quota, topology
from .groups import GROUPS, expand_rules
from .noun import Noun, own, touch
from .rows import SecurityGroup, SecurityGroupRule
from .translate import NUMBERS

_ICMP = ("icmp", "1")
_ICMP6 = ("icmpv6", "ipv6-icmp", "58")
# Only where the data plane can tell ports apart: a rule is refused rather than widened.
_PORTED = ("tcp", "udp", "sctp", "6", "17", "132")
_NAMES = {"tcp", "udp", "icmp", "icmpv6", "ipv6-icmp", "any"} | {
    name for name in NUMBERS if not name.isdigit()
}
_SIX_ONLY = (
    "ipv6-encap",
    "ipv6-frag",
    "ipv6-icmp",
    "icmpv6",
    "ipv6-nonxt",
    "ipv6-opts",
    "ipv6-route",
)


def _create(ctx: Context, values: dict[str, Any]) -> SecurityGroupRule:
    tx = ctx.tx
    group = GROUPS.find(ctx, values["security_group_id"])
    _read(ctx, values)
    _check_ports(values)
    if values.get("remote_group_id") is not None:
        # Whatever is no id of a group is absent, be it a UUID or not.
        _ID.parse(values["remote_group_id"], ctx.where.at("remote_group_id"))
        GROUPS.find(ctx, values["remote_group_id"])
    columns = SecurityGroupRule.table.c
    same = [columns[name] == values.get(name) for name in _SAME]
    twin = tx.one(SecurityGroupRule, SecurityGroupRule.security_group_id == group.id, *same)
    if twin is not None:
        raise Conflict(
            f"Security group rule already exists. Rule id is {twin.id}.",
            kind="SecurityGroupRuleExists",
        )
    quota.claim(tx, values["project_id"], "security_group_rule")
    rule = tx.add(SecurityGroupRule(**values))
    touch(tx, group)
    topology.mark(tx, "security_group", group.id)
    return rule


_ID = Text(255)
_SAME = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


def _read(ctx: Context, values: dict[str, Any]) -> None:
    """Bring ethertype, protocol and prefix into the form that is stored."""
    where = ctx.where
    ethertype = values.pop("ethertype", None)
    ethertype = {"ipv4": "IPv4", "ipv6": "IPv6"}.get(str(ethertype or "IPv4").lower())
    if ethertype is None:
        raise where.at("ethertype").wrong(ctx.body, "IPv4 or IPv6")
    values["ethertype"] = ethertype
    protocol = values.pop("protocol", None)
    if protocol in (None, "", "any", "-1", -1):
        protocol = None
    elif isinstance(protocol, int) and not isinstance(protocol, bool):
        protocol = str(protocol)
    if protocol is not None:
        protocol = protocol.lower() if isinstance(protocol, str) else ""
        number = protocol.isascii() and protocol.isdigit() and int(protocol) <= 255
        if protocol not in _NAMES and not number:
            raise BadRequest(
                f"Security group rule protocol {protocol[:40]!r} not supported. Only protocol"
                f" values {sorted(_NAMES)} and integer representations [0 to 255] are supported.",
                kind="SecurityGroupRuleInvalidProtocol",
            )
        if ethertype == "IPv4" and protocol in (*_SIX_ONLY, "58"):
            raise BadRequest(
                f"Invalid ethertype {ethertype} for protocol {protocol}.",
                kind="SecurityGroupEthertypeConflictWithProtocol",
            )
        if ethertype == "IPv6" and protocol in ("icmp", "icmpv6"):
            protocol = "ipv6-icmp"
    values["protocol"] = protocol
    _read_prefix(ctx, values, ethertype)


def _read_prefix(ctx: Context, values: dict[str, Any], ethertype: str) -> None:
    prefix = values.pop("remote_ip_prefix", None)
    if prefix in (None, ""):
        values["remote_ip_prefix"] = None
        return
    if values.get("remote_group_id") is not None:
        raise BadRequest(
            "Only remote_ip_prefix or remote_group_id may be provided.",
            kind="SecurityGroupRemoteGroupAndRemoteIpPrefix",
        )
    cidr = Cidr().parse(prefix, ctx.where.at("remote_ip_prefix"))
    if ipaddress.ip_network(cidr).version != (4 if ethertype == "IPv4" else 6):
        raise BadRequest(
            f"Conflicting value ethertype {ethertype} for CIDR {cidr}",
            kind="SecurityGroupRuleParameterConflict",
        )
    values["remote_ip_prefix"] = cidr


def _check_ports(values: dict[str, Any]) -> None:
    low, high, protocol = (
        values.get("port_range_min"),
        values.get("port_range_max"),
        values["protocol"],
    )
    if low is None and high is None:
        return
    if protocol is None:
        raise BadRequest(
            "Must also specify protocol if port range is given.",
            kind="SecurityGroupProtocolRequiredWithPorts",
        )
    if protocol in (*_ICMP, *_ICMP6):
        for what, name, value in (
            ("type", "port_range_min", low),
            ("code", "port_range_max", high),
        ):
            if value is not None and not 0 <= value <= 255:
                raise BadRequest(
                    f"Invalid value for ICMP {what} ({name}) {value}. It must be 0 to 255.",
                    kind="SecurityGroupInvalidIcmpValue",
                )
        if low is None:
            raise BadRequest(
                f"ICMP code (port-range-max) {high} is provided but ICMP type (port-range-min) is"
                " missing.",
                kind="SecurityGroupMissingIcmpType",
            )
        return
    if protocol not in _PORTED:
        raise BadRequest(
            f"Port range cannot be specified for protocol {protocol}. Port range is only supported"
            " for TCP, UDP and SCTP.",
            kind="SecurityGroupInvalidProtocolForPort",
        )
    for value in (low, high):
        if value is not None and not 0 < value <= 65535:
            raise BadRequest(
                f"Invalid value for port {value}. It must be 1 to 65535.",
                kind="SecurityGroupInvalidPortValue",
            )
    if low is None or high is None or low > high:
        raise BadRequest(
            "For TCP/UDP protocols, port_range_min must be <= port_range_max",
            kind="SecurityGroupInvalidPortRange",
        )


def _delete(ctx: Context, rule: SecurityGroupRule) -> None:
    tx = ctx.tx
    tx.remove(rule)
    group = tx.get(SecurityGroup, rule.security_group_id)
    if group is not None:
        touch(tx, group)
    topology.mark(tx, "security_group", rule.security_group_id)


GROUP_RULES = Noun(
    SecurityGroupRule,
    "SecurityGroupRule",
    own(SecurityGroupRule),
    _create,
    _delete,
    extra=("ethertype", "protocol", "remote_ip_prefix", "remote_group_id"),
    expand=expand_rules,
)
