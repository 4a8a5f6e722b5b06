"""Host aggregates: named sets of hosts with metadata, of which one key names an availability zone.

A host is in one zone at most, so its zone stands in its own row, in the same transaction; it does
not change under servers. The aggregates of a host are those of its resource provider too.
"""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from .. import placement
from ..core.db import Tx
from ..core.errors import BadRequest, Conflict, NotFound
from ..core.resource import Resource, attr, new_uuid, now
from ..core.types import Int, Json, Text, Uuid, When
from . import aggregate_ratio
from .host import ZONE, ComputeHost, host_id
from .server import Server, live

ZONE_KEY = "availability_zone"


class Aggregate(Resource):
    """A set of hosts that an operator has a name for."""

    one, many = "aggregate", "aggregates"
    constraints = (sa.UniqueConstraint("id"), sa.UniqueConstraint("name"))

    uuid = attr(Uuid(), key=True, default=new_uuid)
    id = attr(Int())  # the number by which the API names it
    name = attr(Text(255))
    meta = attr(Json(), default=dict)
    created_at = attr(When(), default=now)
    updated_at = attr(When(), null=True)

    @property
    def zone(self) -> str:
        """The availability zone of its hosts; "" for none."""
        return str(self.meta.get(ZONE_KEY, ""))


class AggregateHost(Resource):
    """A host belongs to an aggregate."""

    one, many = "aggregate_host", "aggregate_hosts"

    aggregate_id = attr(Uuid(), key=True, references="aggregates.uuid")
    host = attr(Text(255), key=True, index=True)


def refused(doing: str, aggregate: Aggregate, why: str) -> str:
    """What is said of something that cannot be done with an aggregate."""
    return f"Cannot perform action '{doing}' on aggregate {aggregate.id}. Reason: {why}."


def next_number(tx: Tx) -> int:
    """The number of the next aggregate."""
    newest = tx.all(Aggregate, order=[Aggregate.id.desc()], limit=1)
    return newest[0].id + 1 if newest else 1


def hosts_of(tx: Tx, aggregate: Aggregate) -> list[str]:
    """The hosts of an aggregate, by name."""
    found = tx.all(AggregateHost, aggregate_id=aggregate.uuid, order=[AggregateHost.host])
    return [row.host for row in found]


def names_by_host(tx: Tx) -> dict[str, list[str]]:
    """The names of the aggregates of every host that is in one."""
    names = {one.uuid: one.name for one in tx.all(Aggregate)}
    found: dict[str, list[str]] = defaultdict(list)
    for row in tx.all(AggregateHost, order=[AggregateHost.host]):
        found[row.host].append(names[row.aggregate_id])
    return found


def add_host(tx: Tx, aggregate: Aggregate, name: str) -> None:
    """Take a host in. Raises NotFound, Conflict."""
    host = _host(tx, name)
    if tx.get(AggregateHost, aggregate.uuid, name) is not None:
        raise Conflict(f"Aggregate {aggregate.id} already has host {name}.")
    others = _zones_of(tx, name)
    if aggregate.zone and others - {aggregate.zone}:
        why = f"Host {name} is in availability zone {others.pop()} by another aggregate"
        raise Conflict(refused("add_host_to_aggregate", aggregate, why))
    if aggregate.zone:
        _move(tx, host, aggregate.zone, refused("add_host_to_aggregate", aggregate, "{}"))
    tx.add(AggregateHost(aggregate_id=aggregate.uuid, host=name))
    if aggregate_ratio.spoken_of(aggregate.meta):
        _follow(tx, aggregate, "add_host_to_aggregate", name)
    placement.aggregate_add(tx, host.id, aggregate.uuid)
    tx.change(aggregate, updated_at=tx.now)


def remove_host(tx: Tx, aggregate: Aggregate, name: str) -> None:
    """Let a host go. Raises NotFound, Conflict."""
    row = tx.get(AggregateHost, aggregate.uuid, name)
    if row is None:
        raise NotFound(f"Aggregate {aggregate.id} has no host {name[:255]}.")
    tx.remove(row)
    host = tx.get(ComputeHost, host_id(name))
    if host is not None:
        zone = next(iter(_zones_of(tx, name)), ZONE)
        _move(tx, host, zone, refused("remove_host_from_aggregate", aggregate, "{}"))
    if aggregate_ratio.spoken_of(aggregate.meta):
        _follow(tx, aggregate, "remove_host_from_aggregate", name)
    placement.aggregate_remove(tx, host_id(name), aggregate.uuid)
    tx.change(aggregate, updated_at=tx.now)


def set_meta(tx: Tx, aggregate: Aggregate, doing: str, changes: dict[str, str | None]) -> None:
    """Change metadata; None removes a key. Raises BadRequest where that cannot be the zone."""
    found: dict[str, Any] = {**aggregate.meta, **changes}
    zone = changes.get(ZONE_KEY, "")
    if zone is not None and ":" in zone:
        raise BadRequest(refused(doing, aggregate, "An availability zone's name has no colon"))
    if zone == "" and ZONE_KEY in changes:
        raise BadRequest(refused(doing, aggregate, "An availability zone's name is not empty"))
    try:
        aggregate_ratio.check(changes)
    except aggregate_ratio.BadRatio as wrong:
        raise BadRequest(refused(doing, aggregate, str(wrong))) from None
    kept = {key: value for key, value in found.items() if value is not None}
    tx.change(aggregate, meta=kept, updated_at=tx.now)
    if aggregate_ratio.spoken_of(changes):
        for name in hosts_of(tx, aggregate):
            _follow(tx, aggregate, doing, name)
    if ZONE_KEY not in changes:
        return
    for name in hosts_of(tx, aggregate):
        zones = _zones_of(tx, name)
        if len(zones) > 1:
            why = f"Host {name} would be in the availability zones {', '.join(sorted(zones))}"
            raise BadRequest(refused(doing, aggregate, why))
        host = tx.get(ComputeHost, host_id(name))
        if host is not None:
            said = refused(doing, aggregate, "{}")
            _move(tx, host, next(iter(zones), ZONE), said, BadRequest)


def forget_host(tx: Tx, name: str) -> None:
    """A host is gone for good, from its aggregates too."""
    tx.remove_where(AggregateHost, host=name)


def _host(tx: Tx, name: str) -> ComputeHost:
    host = tx.get(ComputeHost, host_id(name))
    if host is None:
        raise NotFound(f"Compute host {name[:255]} could not be found.")
    return host


def _zones_of(tx: Tx, name: str) -> set[str]:
    """The zones of the aggregates that the host is in."""
    return {one.zone for one in _of(tx, name) if one.zone}


def _of(tx: Tx, name: str) -> list[Aggregate]:
    """The aggregates that the host is in."""
    ids = [row.aggregate_id for row in tx.all(AggregateHost, host=name)]
    return tx.all(Aggregate, uuid=ids) if ids else []


def _follow(tx: Tx, aggregate: Aggregate, doing: str, name: str) -> None:
    """Let the host have the ratios of its aggregates. Raises Conflict when it is too full."""
    try:
        aggregate_ratio.follow(tx, name, [one.meta for one in _of(tx, name)])
    except Conflict as full:
        raise Conflict(
            refused(doing, aggregate, f"Host {name} is too full: {full.message}")
        ) from None


def _move(
    tx: Tx,
    host: ComputeHost,
    zone: str,
    said: str,
    fault: type[Conflict] | type[BadRequest] = Conflict,
) -> None:
    """Change the host's zone, unless servers on it would change theirs."""
    if host.zone == zone:
        return
    if tx.exists(Server, Server.host == host.host, live()):
        raise fault(said.format(f"Host {host.host} has servers, in availability zone {host.zone}"))
    tx.change(host, zone=zone)
