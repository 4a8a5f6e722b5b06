"""Why a server found no host, and how many servers of a flavor would find one.

Pileus' own additions to the compute API: nobody else's client asks for them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .. import placement
from ..core.db import Tx
from ..core.errors import BadRequest, NotFound
from ..wire.context import Context
from ..wire.route import Route
from .demand import needs, takes
from .flavor import Flavor, kept
from .host import ComputeHost
from .numa.fit import times
from .numa.pinning import host_cells, taken
from .numa.wanted import wanted
from .pci.alias import resolved
from .scheduler import Scheduler, Wish, wish_of
from .server import Server, find


def show(ctx: Context) -> object:
    """What ruled hosts out when the server was made, and what would for one like it now."""
    return {"explain": of_server(ctx.tx, ctx.parts[Scheduler], find(ctx, "servers:explain"))}


def of_server(tx: Tx, scheduler: Scheduler, server: Server) -> dict[str, Any]:
    """`then`: the failure's funnel, None where the server found a host; `now`: of one like it."""
    hosts, _, funnel = scheduler.fitting(tx, wish_of(server))
    return {
        "server": server.id,
        "status": server.status,
        "host": server.host,
        "then": (server.fault or {}).get("funnel"),
        "now": funnel.view() | {"fit": sorted(host.host for host in hosts)},
    }


def explain_server(tx: Tx, scheduler: Scheduler, server_id: str) -> dict[str, Any]:
    """As `of_server`, by id. Raises NotFound."""
    server = tx.get(Server, server_id)
    if server is None or server.deleted_at is not None:
        raise NotFound(f"There is no server {server_id[:80]!r}.")
    return of_server(tx, scheduler, server)


def explain_flavor(
    tx: Tx, scheduler: Scheduler, name: str, count: int, zone: str = ""
) -> dict[str, Any]:
    """How many servers of this flavor fit now, one beside another, and what each host lacks first.

    name: the flavor's id or name. Raises NotFound, BadRequest.
    """
    flavor = tx.get(Flavor, name) or tx.one(Flavor, name=name)
    if flavor is None:
        raise NotFound(f"There is no flavor {name[:80]!r}.")
    if count < 1:
        raise BadRequest(f"The count must be a whole number from 1 on, not {count}.")
    snapshot = resolved(kept(flavor), scheduler.settings.pci_alias)
    wish = Wish(needs(snapshot), zone, flavor=snapshot)
    hosts, free, funnel = scheduler.fitting(tx, wish)
    asked = wanted(wish.flavor, wish.image)
    others = taken(tx, "") if asked else {}
    rooms = _rooms(tx, wish, free, hosts)
    total, lacking = 0, Counter[str]()
    for host in hosts:
        room = rooms[host.id]
        if asked:
            most = min(room.values(), default=count)
            fits = times(asked, host_cells(host), others.get(host.id, ()), most)
            room |= {"NUMA cells": fits} if fits < most else {}
        scarce = min(room, key=lambda name: room[name], default=None)
        # Of what takes nothing, any number fits.
        total += room[scarce] if scarce else count
        if scarce:
            lacking[scarce] += 1
    return {
        "flavor": flavor.name,
        "each": takes(wish.flavor),
        "fit": total,
        "count": count,
        "enough": total >= count,
        "hosts": len(hosts),
        "limited_by": dict(lacking.most_common()),
        "funnel": funnel.view(),
    }


def _rooms(
    tx: Tx, wish: Wish, free: Mapping[str, Mapping[str, int]], hosts: Sequence[ComputeHost]
) -> dict[str, dict[str, int]]:
    """For how many each host has room: {host's id: {resource class: servers}}.

    Where a whole tree gives what is asked, only the class that is scarcest there is told.
    """
    if wish.request is None:
        return {
            host.id: {name: free[host.id][name] // n for name, n in wish.resources.items()}
            for host in hosts
        }
    found = placement.times(tx, [host.id for host in hosts], wish.request)
    return {id: {scarce: count} for id, (count, scarce) in found.items()}


ROUTES = (Route("GET", "/v2.1/servers/{server_id}/explain", show),)
