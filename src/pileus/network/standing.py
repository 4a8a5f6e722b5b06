"""What an operator looks at: agents, availability zones, and how full each network is."""

import ipaddress
from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from ..config import Config
from ..core.db import Tx
from ..core.desired import Desired, HostRevision
from ..core.errors import NotFound
from ..core.ids import derived
from ..wire.context import Context
from ..wire.crud import fields
from ..wire.route import Route
from .networks import ZONE
from .rows import Network, PortAddress, Subnet

_TIME = "%Y-%m-%d %H:%M:%S"


def _agents(ctx: Context) -> list[dict[str, Any]]:
    tx = ctx.tx
    hosts = {row.host for row in tx.all(HostRevision)} | {ctx.parts[Config].host}
    table = Desired.table.c
    query = sa.select(table.host, sa.func.max(table.reported_at)).group_by(table.host)
    heard = dict(tx.execute(query).all())
    found: list[dict[str, Any]] = []
    for host in sorted(hosts):
        seen = (heard.get(host) or tx.now).strftime(_TIME)
        found.append(
            {
                "id": derived("network agent", host),
                "agent_type": "OVN Controller agent",
                "binary": "ovn-controller",
                "host": host,
                "topic": "n/a",
                "admin_state_up": True,
                "alive": True,
                "availability_zone": "",
                "description": "",
                "configurations": {},
                "resources_synced": None,
                "created_at": seen,
                "started_at": seen,
                "heartbeat_timestamp": seen,
            }
        )
    return found


def _list_agents(ctx: Context) -> object:
    # Who may see no agent gets an empty list, as in all lists of this API.
    found = _agents(ctx) if ctx.allows("get_agent") else []
    for name in ("host", "agent_type", "binary", "id"):
        wanted = ctx.request.every(name)
        if wanted:
            found = [agent for agent in found if agent[name] in wanted]
    return {"agents": fields(ctx, found)}


def _show_agent(ctx: Context) -> object:
    for agent in _agents(ctx):
        if agent["id"] == ctx.params["id"]:
            return {"agent": agent}
    raise NotFound(f"Agent {ctx.params['id'][:80]} could not be found", kind="AgentNotFound")


def _zones(_ctx: Context) -> object:
    return {
        "availability_zones": [
            {"name": ZONE, "resource": resource, "state": "available"}
            for resource in ("network", "router")
        ]
    }


def _availability(tx: Tx, *where: "sa.ColumnElement[bool]") -> list[dict[str, Any]]:
    subnets: dict[str, list[Subnet]] = defaultdict(list)
    for subnet in tx.all(Subnet, order=[Subnet.created_at, Subnet.id]):
        subnets[subnet.network_id].append(subnet)
    held = PortAddress.table.c
    query = sa.select(held.subnet_id, sa.func.count()).group_by(held.subnet_id)
    used: dict[str, int] = dict(tx.execute(query).all())
    found = []
    for network in tx.all(Network, *where, order=[Network.id]):
        parts = [
            {
                "subnet_id": s.id,
                "subnet_name": s.name,
                "cidr": s.cidr,
                "ip_version": s.ip_version,
                "total_ips": _size(s),
                "used_ips": used.get(s.id, 0),
            }
            for s in subnets[network.id]
        ]
        found.append(
            {
                "network_id": network.id,
                "network_name": network.name,
                "tenant_id": network.project_id,
                "project_id": network.project_id,
                "subnet_ip_availability": parts,
                "total_ips": sum(int(str(part["total_ips"])) for part in parts),
                "used_ips": sum(int(str(part["used_ips"])) for part in parts),
            }
        )
    return found


def _size(subnet: Subnet) -> int:
    ends = [
        (int(ipaddress.ip_address(pool["start"])), int(ipaddress.ip_address(pool["end"])))
        for pool in subnet.allocation_pools
    ]
    return sum(last - first + 1 for first, last in ends)


def _list_availability(ctx: Context) -> object:
    found = _availability(ctx.tx)
    for name in ("network_id", "network_name", "tenant_id", "project_id"):
        wanted = ctx.request.every(name)
        if wanted:
            found = [one for one in found if one[name] in wanted]
    version = ctx.request.get("ip_version")
    if version is not None:
        found = [
            one
            for one in found
            if any(str(s["ip_version"]) == version for s in one["subnet_ip_availability"])
        ]
    return {"network_ip_availabilities": fields(ctx, found)}


def _show_availability(ctx: Context) -> object:
    found = _availability(ctx.tx, Network.id == ctx.params["id"])
    if not found:
        raise NotFound(
            f"Network {ctx.params['id'][:80]} could not be found.", kind="NetworkNotFound"
        )
    return {"network_ip_availability": found[0]}


_FULL = "get_network_ip_availability"
ROUTES = (
    Route("GET", "/v2.0/agents", _list_agents),
    Route("GET", "/v2.0/agents/{id}", _show_agent, "get_agent"),
    Route("GET", "/v2.0/availability_zones", _zones, "get_availability_zone"),
    Route("GET", "/v2.0/network-ip-availabilities", _list_availability, _FULL),
    Route("GET", "/v2.0/network-ip-availabilities/{id}", _show_availability, _FULL),
)
