"""Create a server: ask its host for the guest, wait until it runs; else another host, or ERROR."""

from datetime import timedelta
from typing import Any

from ... import network, placement
from ...core import desired, flow
from ...core.db import Tx
from ...core.flow import Failed, Flow, Run, Step, Wait
from .. import instance_action
from ..host import ComputeHost, host_id
from ..schedule import NoValidHost, Wish, needs, place
from ..server import POWER, Server
from ..spec import guest_spec

GUEST = "guest"
_ATTEMPTS = 3
_PATIENCE = timedelta(minutes=15)
# A report wakes the flow at once: these are for the case that a wake-up gets lost.
POLL, _PORTS_POLL = 20.0, 0.5


def server_of(run: Run) -> Server:
    """The server that the flow is about; its row outlives every flow."""
    server = run.tx.get(Server, run.subject)
    if server is None:
        raise Failed(f"Server {run.subject} has no row any more.")
    return server


def ask(tx: Tx, server: Server) -> None:
    """Ask the server's host for its guest."""
    assert server.host is not None  # noqa: S101
    desired.put(tx, server.host, GUEST, server.id, guest_spec(tx, server))


def withdrawn(run: Run) -> Wait | None:
    """Undo `boot`: ask every host to remove the guest, and wait until it is gone."""
    return Wait(POLL) if still_there(run.tx, run.subject) else None


def still_there(tx: Tx, server_id: str) -> bool:
    """Withdraw the guest wherever it is wanted; true while any host has it that is not fenced."""
    rows = tx.all(desired.Desired, kind=GUEST, id=server_id)
    for row in rows:
        if row.spec is not None:
            desired.withdraw(tx, row.host, GUEST, server_id)
    return any(standing_on(tx, row.host) for row in rows)


def standing_on(tx: Tx, host: str) -> bool:
    """Whether guests may still run on this host: not on one that was fenced, which is dead.

    Its agent is told to remove them before anything else, should it come back.
    """
    row = tx.get(ComputeHost, host_id(host))
    return row is None or not row.forced_down


def boot(run: Run) -> Wait | None:
    """See that the host is asked for the guest, wait for it and its ports, call it active."""
    tx, server = run.tx, server_of(run)
    assert server.host is not None  # noqa: S101
    row = desired.find(tx, server.host, GUEST, server.id)
    if row is None or row.spec is None:
        ask(tx, server)
        return Wait(POLL)
    late = tx.now - run.row.created_at > _PATIENCE
    if row.observed < row.revision or row.state is None:
        if late:
            raise Failed(f"Host {server.host} has not made the guest in {_PATIENCE}.")
        return Wait(POLL)
    _check(server, row.state)
    if not network.ports_ready(tx, server.id):
        if late:
            raise Failed("Virtual Interface creation failed: the ports did not come up.")
        return Wait(_PORTS_POLL)
    tx.change(
        server,
        vm_state="active",
        task_state=None,
        power_state=POWER["running"],
        launched_at=tx.now,
        updated_at=tx.now,
        fault=None,
    )
    instance_action.finish(tx, server, run.row.request_id)
    return None


def _check(server: Server, state: Any) -> None:
    problem = state.get("error") or ""
    if not problem and state.get("power") != "running":
        problem = f"the guest is {state.get('power')} instead of running"
    if problem:
        raise Failed(
            f"Build of instance {server.id} aborted: {problem}", f"host {server.host}: {problem}"
        )


def elsewhere(run: Run) -> Wait | None:
    """The guest could not be made and nothing of it stays: try another host, or give up."""
    tx, server = run.tx, server_of(run)
    tried = [*run.args.get("tried", []), server.host]
    placement.release(tx, server.id)
    network.unbind_ports(tx, server.id)
    why = str(run.fault.get("message", ""))
    if len(tried) < _ATTEMPTS:
        try:
            _move(run, server, tried)
        except (NoValidHost, placement.NoCapacity) as none:
            why = f"{why} No other host can take it. {none}"
        else:
            flow.turn(tx, CREATE, server.id, run.row.request_id, tried=tried)
            return None
    network.release_ports(tx, server.id)
    fail(tx, server, why, str(run.fault.get("details", "")), host=None)
    instance_action.finish(tx, server, run.row.request_id, why)
    return None


def _move(run: Run, server: Server, tried: list[str | None]) -> None:
    """Claim another host. Raises NoValidHost, NoCapacity."""
    tx, index = run.tx, run.parts[placement.Index]
    root_gb = server.disks[0]["size_gb"]
    resources = needs(server.flavor, root_gb)
    avoid = [host for host in tried if host]
    wish = Wish(resources, server.zone, "", server.group_id, server.hints, avoid)
    host = place(tx, index, server, wish)
    network.bind_ports(tx, server.id, host.host)
    tx.change(server, host=host.host, generation=server.generation + 1)


def fail(tx: Tx, server: Server, message: str, details: str = "", **values: Any) -> None:
    """Put a server into ERROR with a fault that says why."""
    fault = {
        "code": 500,
        "created": tx.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "message": message[:255],
        "details": details,
    }
    tx.change(server, vm_state="error", task_state=None, fault=fault, updated_at=tx.now, **values)


CREATE = Flow("server.create", Step(boot, undo=withdrawn), failed=elsewhere)
