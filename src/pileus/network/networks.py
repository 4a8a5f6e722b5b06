"""Networks in the API."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..core.db import Tx, chunks
from ..core.errors import BadRequest, Conflict
from ..wire.context import Context
from . import metadata, port_life, quota, topology
from .noun import Noun, admin, touch
from .rows import GATEWAY, METADATA, FloatingIp, Network, Port, PortAddress, Router, Subnet

ZONE = "nova"


def visible(ctx: Context) -> Sequence["sa.ColumnElement[bool]"]:
    """A scope: the project's own networks, shared ones and external ones."""
    if admin(ctx):
        return ()
    mine = Network.project_id == ctx.project_id
    return (sa.or_(mine, Network.shared.is_(True), Network.external.is_(True)),)


def _create(ctx: Context, values: dict[str, Any]) -> Network:
    tx = ctx.tx
    quota.claim(tx, values["project_id"], "network")
    network = Network(**values)
    network.fill(tx)
    _check_provider(tx, network)
    tx.add(network)
    topology.mark(tx, "switch", network.id)
    return network


def _check_provider(tx: Tx, network: Network) -> None:
    kind, physical = network.network_type, network.physical_network
    if kind == "geneve":
        if physical is not None:
            raise _wrong("provider:physical_network specified for geneve network")
        return
    if physical is None:
        raise _wrong(f"provider:physical_network required for {kind} provider network")
    same = [Network.physical_network == physical, Network.network_type == kind]
    if kind == "flat":
        if network.segmentation_id is not None:
            raise _wrong("provider:segmentation_id specified for flat network")
        if tx.exists(Network, *same):
            raise Conflict(
                f"Unable to create the flat network. Physical network {physical} is in use.",
                kind="FlatNetworkInUse",
            )
        return
    if network.segmentation_id is None or not 1 <= network.segmentation_id <= 4094:
        raise _wrong("provider:segmentation_id must be a VLAN from 1 to 4094")
    if tx.exists(Network, *same, Network.segmentation_id == network.segmentation_id):
        raise Conflict(
            f"Unable to create the network. The VLAN {network.segmentation_id} on physical network"
            f" {physical} is in use.",
            kind="VlanIdInUse",
        )


def _wrong(text: str) -> BadRequest:
    return BadRequest(f"Invalid input for operation: {text}.", kind="InvalidInput")


def _update(ctx: Context, network: Network, values: dict[str, Any]) -> None:
    tx = ctx.tx
    if values.get("shared") is False and network.shared:
        others = Port.project_id.not_in((network.project_id, ""))
        if tx.exists(Port, Port.network_id == network.id, others):
            raise Conflict(
                f"Unable to reconfigure sharing settings for network {network.id}."
                " Multiple tenants are using it.",
                kind="InvalidSharedSetting",
            )
    if values.get("external") is False and network.external:
        gateway = (Port.network_id == network.id, Port.device_owner == GATEWAY)
        if tx.exists(Port, *gateway):
            raise Conflict(
                f"External network {network.id} cannot be updated to be made non-external, since"
                " it has existing gateway ports.",
                kind="ExternalNetworkInUse",
            )
    touch(tx, network, **values)
    if "external" in values:
        metadata.refresh_port(tx, network)
    topology.mark(tx, "switch", network.id)


def _delete(ctx: Context, network: Network) -> None:
    tx = ctx.tx
    _drop_unused_floating(tx, network)
    others = (Port.network_id == network.id, Port.device_owner != METADATA)
    if tx.exists(Port, *others):
        raise Conflict(
            f"Unable to complete operation on network {network.id}. There are one or more ports"
            " still in use on the network.",
            kind="NetworkInUse",
        )
    for port in tx.all(Port, network_id=network.id):
        port_life.remove(tx, port)
    tx.remove_where(Subnet, network_id=network.id)
    tx.remove(network)
    topology.mark(tx, "switch", network.id)


def _drop_unused_floating(tx: Tx, network: Network) -> None:
    """Floating IPs that lead nowhere go with their network."""
    here = FloatingIp.floating_network_id == network.id
    for floating in tx.all(FloatingIp, here, FloatingIp.port_id.is_(None)):
        port = tx.get(Port, floating.floating_port_id)
        tx.remove(floating)
        if port is not None:
            port_life.remove(tx, port)


def _expand(ctx: Context, rows: list[Any], views: list[dict[str, Any]]) -> None:
    subnets: dict[str, list[str]] = {row.id: [] for row in rows}
    for batch in chunks(subnets):
        query = (
            sa.select(Subnet.table.c.network_id, Subnet.table.c.id)
            .where(Subnet.network_id.in_(batch))
            .order_by(Subnet.created_at, Subnet.id)
        )
        if not admin(ctx):
            seen = sa.or_(Network.project_id == ctx.project_id, Network.shared.is_(True))
            mine = sa.select(Network.table.c.id).where(seen)
            query = query.where(
                sa.or_(Subnet.network_id.in_(mine), Subnet.project_id == ctx.project_id)
            )
        for network_id, subnet_id in ctx.tx.execute(query):
            subnets[network_id].append(subnet_id)
    for row, view in zip(rows, views, strict=True):
        view["subnets"] = subnets[row.id]
        view["availability_zones"] = [ZONE] if subnets[row.id] else []
        view["ipv4_address_scope"] = view["ipv6_address_scope"] = None


NETWORKS = Noun(Network, "Network", visible, _create, _delete, _update, expand=_expand)

__all__ = ["NETWORKS", "ZONE", "visible"]


def routers_on(tx: Tx, network_id: str) -> list[str]:
    """The routers with a port on the network."""
    port = Port.table.c
    query = (
        sa.select(port.device_id)
        .join(Router.table, Router.table.c.id == port.device_id)
        .where(port.network_id == network_id)
        .distinct()
    )
    return list(tx.execute(query).scalars())


def used_addresses(tx: Tx, subnet_id: str) -> int:
    """How many addresses of a subnet ports hold."""
    return tx.count(PortAddress, subnet_id=subnet_id)
