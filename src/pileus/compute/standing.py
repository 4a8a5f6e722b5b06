"""The invariants of the compute service: what servers hold, and whether their changes go on."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import sqlalchemy as sa

from .. import network, placement
from ..core.audit import Invariant, Violation
from ..core.db import Tx
from ..core.desired import Desired
from ..core.flow import FlowRow
from ..core.parts import Parts
from . import lost, repairs, standing_guests
from .flows.guest import GUEST
from .host import ComputeHost
from .instance_action import InstanceAction
from .migration import counted, leaves_behind, open_ones, shares
from .numa import audit as numa_audit
from .server import Server, ServerTag, live

_ENDING = ("confirming", "reverting")  # of migrations, while a flow ends them
_CERTAIN = ("active", "stopped", "paused")  # a server in these has its guest on its host


def _allocations(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    held = placement.all_allocations(tx)
    moves = open_ones(tx)
    for server in tx.all(Server, live()):
        found, wanted = held.pop(server.id, {}), shares(server, moves.get(server.id))
        if found != wanted:
            yield Violation(
                f"server {server.id} holds {found or 'nothing'} instead of {wanted or 'nothing'}",
                "it holds the right amount from now on, if there is room",
                partial(repairs.hold, server.id, found, wanted),
            )
    for consumer, found in held.items():
        yield Violation(
            f"consumer {consumer} is no server and holds {found}",
            "what it holds is given back, unless a host still has a guest of it",
            partial(repairs.give_back, consumer),
        )


def _sizes(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    moves = open_ones(tx)
    for server in tx.all(Server, live()):
        found = {"vcpus": server.vcpus, "memory_mb": server.memory_mb}
        wanted = counted(server, moves.get(server.id))
        if found != wanted:
            yield Violation(
                f"server {server.id} counts as {found} and is {wanted}",
                "it is counted as it is",
                partial(repairs.count_as, server.id, wanted),
            )


def _carried(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    busy = sa.or_(Server.task_state.is_not(None), Server.vm_state == "building")
    flows = sa.select(FlowRow.subject)
    ending = [m.server_id for m in open_ones(tx).values() if m.status in _ENDING]
    busy = sa.or_(busy, Server.id.in_(ending))
    for server in tx.all(Server, live(), busy, Server.id.not_in(flows)):
        detail = (
            f"server {server.id} is {server.vm_state}, {server.task_state}, and no flow carries"
            " that on"
        )
        yield Violation(detail, lost.way_of(tx, server).does, partial(lost.mend, server.id))
    of_none = sa.and_(FlowRow.kind.like("server.%"), FlowRow.subject.not_in(_ids()))
    for row in tx.all(FlowRow, of_none):
        yield Violation(
            f"flow {row.kind} is about server {row.subject}, which has no row",
            "the flow is dropped",
            partial(repairs.drop_flow, row.subject),
        )


def _ids(*where: "sa.ColumnElement[bool]") -> "sa.Select[Any]":
    return sa.select(Server.table.c.id).where(*where)


def _ports(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    c = Server.table.c
    columns = sa.select(c.id, c.host, c.vm_state, c.task_state, c.deleted_at)
    servers = {row.id: row for row in tx.execute(columns)}
    changing = set(tx.execute(sa.select(FlowRow.subject)).scalars())
    for port_id, server_id, host, claimed in network.ports_with_servers(tx):
        server = servers.get(server_id)
        if server is None and not claimed:
            continue  # a user may write what they like into a port of their own
        if server is None or server.deleted_at is not None:
            yield Violation(
                f"port {port_id} belongs to server {server_id}, which is gone",
                "it is freed, or removed if it was made for the server",
                partial(repairs.free_ports, server_id),
            )
        elif (
            server.vm_state in _CERTAIN
            and server.task_state is None
            and server_id not in changing
            and host != server.host
        ):
            yield Violation(
                f"port {port_id} is bound to host {host or 'none'}, its server is on {server.host}",
                "the port is bound to the server's host",
                partial(repairs.bind, server_id),
            )


def _belongings(_parts: Parts, tx: Tx) -> Iterable[Violation]:
    for cls, name in ((ServerTag, "tags"), (InstanceAction, "actions")):
        key = cls.table.c.server_id
        for (server_id,) in tx.execute(sa.select(key).where(key.not_in(_ids())).distinct()):
            yield Violation(
                f"{name} of server {server_id} are kept, which has no row",
                "they are removed",
                partial(repairs.drop_rows, cls, server_id),
            )


def _recorded(_parts: Parts, tx: Tx) -> Iterable[str]:
    created = sa.select(InstanceAction.server_id).where(InstanceAction.action == "create")
    for (server_id,) in tx.execute(_ids(live(), Server.id.not_in(created))):
        yield f"server {server_id} has no record of who created it"


def _wishes(_parts: Parts, tx: Tx) -> Iterable[str | Violation]:
    c = Server.table.c
    columns = sa.select(c.id, c.host, c.vm_state, c.task_state, c.deleted_at)
    servers = {row.id: row for row in tx.execute(columns)}
    changing = set(tx.execute(sa.select(FlowRow.subject)).scalars())
    moves, down = open_ones(tx), {row.host for row in tx.all(ComputeHost) if not row.up(tx)}
    wanted: set[str] = set()
    running: set[str] = set()
    d = Desired.table.c
    asked = sa.select(d.id, d.host, d.spec).where(d.kind == GUEST)
    for guest, host, spec in tx.execute(asked):
        server, leaving, move = servers.get(guest), spec is None, moves.get(guest)
        if spec is not None and spec.get("power", "running") != "shutoff":
            if guest in running and (move is None or move.migration_type != "live-migration"):
                yield f"guest {guest} is to run on {host}, and on another host too"
            running.add(guest)
        if leaving and host in down:
            continue  # it is removed when the host comes back
        if server is None or server.deleted_at is not None:
            detail = f"guest {guest} is wanted on host {host} and there is no such server"
            if server is None or leaving:
                yield detail
            else:
                does = "the host is asked to remove it"
                yield Violation(detail, does, partial(repairs.withdraw, guest, host))
        elif not leaving and server.host == host:
            wanted.add(guest)
        elif guest not in changing and not leaves_behind(move, host, spec):
            yield f"guest {guest} is wanted on host {host}, its server is on {server.host}"
    for server in servers.values():
        building = server.vm_state == "building" or server.task_state is not None
        building = building or server.id in changing
        if server.deleted_at is None and server.host and server.id not in wanted and not building:
            detail = f"server {server.id} is on host {server.host}, which is not asked for a guest"
            if server.vm_state in _CERTAIN:
                does = "the host is asked for it"
                yield Violation(detail, does, partial(repairs.ask_for, server.id))
            else:
                yield detail


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "I2",
        "A server holds its flavor on its host, in a resize both; nobody else does.",
        _allocations,
    ),
    Invariant("I5", "Every host is asked for the guests of its servers and no others.", _wishes),
    *standing_guests.INVARIANTS,
    *numa_audit.INVARIANTS,
    Invariant("I6", "A server's ports are on its host, and no port outlives its server.", _ports),
    Invariant("I6", "No tag or action of a server that has no row.", _belongings),
    Invariant("I7", "What quota counts is what servers are.", _sizes),
    Invariant("I9", "Every unfinished change of a server has a flow.", _carried),
    Invariant("I12", "Every server has a record of the request that created it.", _recorded),
)
