"""Ports in the API."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx, chunks
from ..core.errors import BadRequest, Conflict, Forbidden, NotFound
from ..core.types import AnyOf, Cidr, Field, Ip, ListOf, Mac, Object, Uuid
from ..wire.context import Context
from . import metadata, port_life, quota, topology
from .default_group import default_group
from .guests import Guests
from .networks import NETWORKS
from .noun import Noun, admin, plain_target, touch
from .port_life import Fixed
from .rows import (
    FLOATING,
    GATEWAY,
    INTERFACE,
    METADATA,
    Network,
    Port,
    PortAddress,
    PortGroup,
    SecurityGroup,
    is_guest,
)

FIXED = ListOf(Object({"subnet_id": Field(Uuid(), null=True), "ip_address": Field(Ip())}), 50)
_PAIRS = ListOf(
    Object(
        {"ip_address": Field(AnyOf(Ip(), Cidr()), True), "mac_address": Field(Mac(), null=True)}
    ),
    50,
)
_GROUPS = ListOf(Uuid(), 50)
_EXTRA = ("fixed_ips", "security_groups", "allowed_address_pairs")


def _visible(ctx: Context) -> Sequence["sa.ColumnElement[bool]"]:
    if admin(ctx):
        return ()
    networks = sa.select(Network.table.c.id).where(Network.project_id == ctx.project_id)
    return (sa.or_(Port.project_id == ctx.project_id, Port.network_id.in_(networks)),)


def _target(ctx: Context, values: Mapping[str, Any]) -> dict[str, Any]:
    network = ctx.tx.get(Network, values["network_id"])
    owner = network.project_id if network is not None else ""
    return plain_target(ctx, values) | {"network:tenant_id": owner}


def fixed_ips(value: Any, ctx: Context) -> list[Fixed] | None:
    """The addresses that a body asks for; None when it leaves the choice to us."""
    if value is None:
        return None
    parsed = FIXED.parse(value, ctx.where.at("fixed_ips"))
    found = [Fixed(one.get("subnet_id"), one.get("ip_address")) for one in parsed]
    if len(set(found)) != len([f for f in found if f.ip]) + len({f for f in found if not f.ip}):
        raise BadRequest(
            "Invalid input for operation: Duplicate IP address in fixed_ips.", kind="InvalidInput"
        )
    return found


def _check_ips(ctx: Context, verb: str, wanted: Sequence[Fixed] | None, target: Any) -> None:
    if any(fixed.ip for fixed in wanted or ()):
        ctx.require(f"{verb}_port:fixed_ips:ip_address", target)


def _check_owner(ctx: Context, verb: str, values: Mapping[str, Any], target: Any) -> None:
    """What the cloud itself owns is for network owners and admins to name."""
    if str(values.get("device_owner", "")).startswith("network:"):
        ctx.require(f"{verb}_port:device_owner", target)


def _groups(ctx: Context, project_id: str, value: Any) -> list[str]:
    wanted = _GROUPS.parse(value, ctx.where.at("security_groups"))
    seen = () if admin(ctx) else (SecurityGroup.project_id == project_id,)
    query = sa.select(SecurityGroup.table.c.id).where(SecurityGroup.id.in_(wanted), *seen)
    present = set(ctx.tx.execute(query).scalars())
    for group in wanted:
        if group not in present:
            raise NotFound(f"Security group {group} does not exist", kind="SecurityGroupNotFound")
    return wanted


def _pairs(value: Any, ctx: Context, mac: str | None) -> list[dict[str, str]]:
    found = []
    for pair in _PAIRS.parse(value or [], ctx.where.at("allowed_address_pairs")):
        one = {"ip_address": pair["ip_address"]}
        address = pair.get("mac_address") or mac
        if address:
            one["mac_address"] = address
        if one in found:
            raise BadRequest(
                "AllowedAddressPair must contain unique entries.",
                kind="AddressPairMatchesPortFixedIPAndMac",
            )
        found.append(one)
    return found


def _create(ctx: Context, values: dict[str, Any]) -> Port:
    tx, project_id = ctx.tx, values["project_id"]
    network = NETWORKS.find(ctx, values["network_id"])
    foreign = network.external and not network.shared and network.project_id != ctx.project_id
    if foreign and not admin(ctx):
        raise Forbidden(
            f"Tenant {ctx.project_id} not allowed to create port on this network",
            kind="PolicyNotAuthorized",
        )
    target = _target(ctx, values)
    _check_owner(ctx, "create", values, target)
    wanted = fixed_ips(values.pop("fixed_ips", None), ctx)
    _check_ips(ctx, "create", wanted, target)
    values.setdefault("port_security_enabled", network.port_security_enabled)
    asked = values.pop("security_groups", None)
    pairs = values.pop("allowed_address_pairs", None)
    owned = str(values.get("device_owner", "")).startswith("network:")
    secure = values["port_security_enabled"] and not owned
    values["port_security_enabled"] = secure
    if asked is not None:
        groups = _groups(ctx, project_id, asked)
    else:
        groups = [default_group(tx, project_id)] if secure and project_id else []
    _check_security(secure, groups, pairs)
    mac = values.get("mac_address")
    if "mac_address" in values and mac is None:
        values.pop("mac_address")
    quota.claim(tx, project_id, "port")
    port = Port(**values)
    if not mac:
        port.mac_address = port_life.fresh_mac(tx, network.id)
    port.allowed_address_pairs = _pairs(pairs, ctx, port.mac_address)
    port_life.make(tx, network, port, wanted, groups)
    if port.host:
        metadata.refresh_host(tx, network.id, port.host)
    return port


def _check_security(secure: bool, groups: Sequence[str], pairs: Any) -> None:
    if not secure and groups:
        raise Conflict(
            "Port has security group associated. Cannot disable port security or ip address until"
            " security group is removed",
            kind="PortSecurityPortHasSecurityGroup",
        )
    if not secure and pairs:
        raise Conflict(
            "Port Security must be enabled in order to have allowed address pairs on a port.",
            kind="AddressPairAndPortSecurityRequired",
        )


def _update(ctx: Context, port: Port, values: dict[str, Any]) -> None:
    tx = ctx.tx
    target = _target(ctx, vars(port))
    if values.get("device_owner") != port.device_owner:
        _check_owner(ctx, "update", values, target)
    routed = port.device_owner in (INTERFACE, GATEWAY)
    if routed and ({"device_id", "device_owner"} & values.keys()):
        raise Conflict(
            f"Port {port.id} belongs to a router and keeps its device.", kind="PortInUse"
        )
    wanted = fixed_ips(values.pop("fixed_ips", None), ctx)
    _check_ips(ctx, "update", wanted, target)
    asked = values.pop("security_groups", ...)
    pairs = values.pop("allowed_address_pairs", ...)
    secure = values.get("port_security_enabled", port.port_security_enabled)
    present = [m.group_id for m in tx.all(PortGroup, port_id=port.id)]
    groups = present if asked is ... else _groups(ctx, port.project_id, asked or [])
    mac = values.get("mac_address")
    if mac is not None and mac != port.mac_address:
        _check_mac_change(tx, port, mac)
    if pairs is not ...:
        values["allowed_address_pairs"] = _pairs(pairs, ctx, mac or port.mac_address)
    _check_security(secure, groups, values.get("allowed_address_pairs", port.allowed_address_pairs))
    before, device = port.host, port.device_id
    if values.get("device_id", device) != device:
        values["claimed"] = False  # whoever gives it away wants it to outlive the server
    if values.get("host", before) != before:
        values["status"] = "DOWN"
    touch(tx, port, **values)
    if wanted is not None:
        port_life.reassign(tx, port, wanted)
    if asked is not ...:
        port_life.set_groups(tx, port, groups)
    if port.host != before:
        for host in (before, port.host):
            metadata.refresh_host(tx, port.network_id, host)
    if port.device_id != device and is_guest(port):
        ctx.parts[Guests].port_gone(tx, device, port.id)
    topology.mark(tx, "port", port.id)
    if routed:
        topology.mark(tx, "router", port.device_id)
    elif port.device_owner == METADATA:
        topology.mark(tx, "switch", port.network_id)


def _check_mac_change(tx: Tx, port: Port, mac: str) -> None:
    if port.host and is_guest(port):
        raise Conflict(
            f"Unable to complete operation on port {port.id}, port is already bound, port type:"
            " ovs, old_mac " + port.mac_address + ", new_mac " + mac,
            kind="PortBound",
        )
    port_life.check_mac(tx, port.network_id, mac, port.id)


def _delete(ctx: Context, port: Port) -> None:
    owners = {
        INTERFACE: f"has device owner {INTERFACE}",
        GATEWAY: f"has device owner {GATEWAY}",
        FLOATING: f"has device owner {FLOATING}",
        METADATA: f"has device owner {METADATA}",
    }
    if port.device_owner in owners:
        raise Conflict(
            f"Port {port.id} cannot be deleted directly via the port API:"
            f" {owners[port.device_owner]}.",
            kind="ServicePortInUse",
        )
    port_life.remove(ctx.tx, port)
    metadata.refresh_host(ctx.tx, port.network_id, port.host)
    if is_guest(port):
        ctx.parts[Guests].port_gone(ctx.tx, port.device_id, port.id)


def _expand(ctx: Context, rows: list[Any], views: list[dict[str, Any]]) -> None:
    addresses: dict[str, list[PortAddress]] = defaultdict(list)
    groups: dict[str, list[str]] = defaultdict(list)
    for batch in chunks(row.id for row in rows):
        order: Sequence[Any] = [PortAddress.position, PortAddress.ip]
        for held in ctx.tx.all(PortAddress, port_id=batch, order=order):
            addresses[held.port_id].append(held)
        order = [PortGroup.position]
        for member in ctx.tx.all(PortGroup, port_id=batch, order=order):
            groups[member.port_id].append(member.group_id)
    shows_type = ctx.allows("get_port:binding:vif_type")
    shows_details = ctx.allows("get_port:binding:vif_details")
    for row, view in zip(rows, views, strict=True):
        held_here = addresses[row.id]
        view["fixed_ips"] = [{"subnet_id": a.subnet_id, "ip_address": a.ip} for a in held_here]
        view["security_groups"] = groups[row.id]
        if row.device_owner == FLOATING:
            view["status"] = "N/A"
        if shows_type:
            view["binding:vif_type"] = "ovs" if row.host else "unbound"
        if shows_details:
            details = {"port_filter": True, "connectivity": "l2"}
            view["binding:vif_details"] = details if row.host else {}


def _conditions(ctx: Context) -> list["sa.ColumnElement[bool]"]:
    """`fixed_ips=ip_address=…`, `fixed_ips=subnet_id=…`, `security_groups=…`, `ip_version`."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for text in ctx.request.every("fixed_ips"):
        name, _, value = text.partition("=")
        if name not in ("ip_address", "subnet_id", "ip_address_substr") or not value:
            raise ctx.where.at("fixed_ips").wrong(
                text, "ip_address=…, ip_address_substr=… or subnet_id=…"
            )
        wanted[name].append(value)
    found: list[sa.ColumnElement[bool]] = []
    held = PortAddress.table.c
    for name, values in wanted.items():
        condition = {
            "ip_address": held.ip.in_(values),
            "subnet_id": held.subnet_id.in_(values),
            "ip_address_substr": sa.or_(*(held.ip.contains(v, autoescape=True) for v in values)),
        }[name]
        found.append(Port.id.in_(sa.select(held.port_id).where(condition)))
    groups = ctx.request.every("security_groups")
    if groups:
        member = PortGroup.table.c
        chosen = sa.select(member.port_id).where(member.group_id.in_(groups))
        found.append(Port.id.in_(chosen))
    return found


PORTS = Noun(
    Port,
    "Port",
    _visible,
    _create,
    _delete,
    _update,
    extra=_EXTRA,
    extra_update=_EXTRA,
    expand=_expand,
    conditions=_conditions,
    target=_target,
)

__all__ = ["PORTS", "fixed_ips"]
