"""What flows ask of a server's guest, and how they take its host's answer."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ...core import desired
from ...core.db import Tx
from ...core.flow import PATIENCE, Failed, Run, Wait
from ..host import ComputeHost, host_id
from ..server import Server

GUEST = "guest"
# A report wakes the flow at once: these are for the case that a wake-up gets lost.
POLL, PORTS_POLL = 20.0, 0.5
# How long disks and images may travel while their host is heard of.
_JOURNEY = timedelta(hours=24)


def server_of(run: Run) -> Server:
    """The server that the flow is about; its row outlives every flow."""
    server = run.tx.get(Server, run.subject)
    if server is None:
        raise Failed(f"Server {run.subject} has no row any more.")
    return server


def host_of(server: Server) -> str:
    """The host that the server's guest is on. Raises Failed when there is none."""
    if server.host is None:
        raise Failed(f"Instance {server.id} is on no host.")
    return server.host


def spec_on(tx: Tx, host: str, server_id: str) -> dict[str, Any]:
    """What this host is asked for. Raises Failed when it is asked for no such guest."""
    row = desired.find(tx, host, GUEST, server_id)
    if row is None or row.spec is None:
        raise Failed(f"Instance {server_id} has no guest on host {host}.")
    return dict(row.spec)


def wanted_of(tx: Tx, host: str, server_id: str, spec: dict[str, Any]) -> Mapping[str, Any] | None:
    """Ask the host for this guest; what it says of it, or None for not yet.

    Asking again for the same changes nothing: so each look asks and then sees.
    """
    desired.put(tx, host, GUEST, server_id, spec)
    return desired.settled(tx, host, GUEST, server_id)


def asked(run: Run, server: Server, **changes: Any) -> str | None:
    """Ask the server's host for the guest so changed; what is wrong, "", or None for not yet.

    Raises Failed when there is no guest to change.
    """
    host = host_of(server)
    spec = spec_on(run.tx, host, server.id) | changes
    state = wanted_of(run.tx, host, server.id, spec)
    return None if state is None else problem_of(state, spec["power"])


def asked_back(run: Run, server: Server, **changes: Any) -> Wait | None:
    """Undo: ask for the guest so changed, if there is one, and wait for whatever its host says.

    A host that says nothing stays asked: it will make it so when it is back.
    """
    row = server.host and desired.find(run.tx, server.host, GUEST, server.id)
    if not row or row.spec is None:
        return None
    waits = asked(run, server, **changes) is None and not given_up(run, row.host)
    return Wait(POLL) if waits else None


def given_up(run: Run, host: str) -> bool:
    """Whether an undoing need not wait for this host: it is away, or has had its time."""
    row = run.tx.get(ComputeHost, host_id(host))
    return run.late or row is None or not row.up(run.tx)


def asked_to_be_off(run: Run, server: Server) -> None:
    """What the host was asked for in vain it may do when it is back, but not run it."""
    row = server.host and desired.find(run.tx, server.host, GUEST, server.id)
    if row and row.spec is not None and desired.answer(row) is None:
        desired.put(run.tx, row.host, GUEST, server.id, {**row.spec, "power": "shutoff"})


def not_yet(host: str, what: str) -> Wait:
    """Wait for the host's answer, which fails the step when it takes too long.

    what: what it has not done, as in "turned the guest off".
    """
    return Wait(POLL, f"Host {host} has not {what}")


def not_there_yet(run: Run, host: str, what: str) -> Wait:
    """The same of bytes on their way: as long as they take, while the host is heard of."""
    row = run.tx.get(ComputeHost, host_id(host))
    heard = row is not None and run.tx.now - row.last_seen < PATIENCE
    return Wait(POLL, f"Host {host} has not {what}", _JOURNEY if heard else PATIENCE)


def no_ports_yet() -> Wait:
    """Wait for the server's ports, which fails the step when it takes too long."""
    return Wait(PORTS_POLL, "Virtual Interface creation failed: the ports did not come up")


def problem_of(state: Mapping[str, Any], power: str) -> str:
    """What is wrong with a guest that should be powered so; "" when nothing is."""
    if state.get("error"):
        return str(state["error"])
    right = state.get("power") == power
    return "" if right else f"the guest is {state.get('power')} instead of {power}"


def check(state: Mapping[str, Any], power: str, what: str, host: str | None) -> None:
    """See that the guest is what was asked of the host. Raises Failed, saying `what` failed."""
    problem = problem_of(state, power)
    if problem:
        raise Failed(f"{what}: {problem}", f"host {host}: {problem}")


def gone_from(tx: Tx, server_id: str, host: str) -> bool:
    """Withdraw the guest from this host; true once it is gone, or the host is fenced."""
    row = desired.find(tx, host, GUEST, server_id)
    if row is not None and row.spec is not None:
        desired.withdraw(tx, host, GUEST, server_id)
    return row is None or not _standing_on(tx, host)


def still_there(tx: Tx, server_id: str) -> bool:
    """Withdraw the guest wherever it is wanted; true while any host has it that is not fenced."""
    rows = tx.all(desired.Desired, kind=GUEST, id=server_id)
    for row in rows:
        if row.spec is not None:
            desired.withdraw(tx, row.host, GUEST, server_id)
    return any(_standing_on(tx, row.host) for row in rows)


def _standing_on(tx: Tx, host: str) -> bool:
    """Whether guests may still run on this host: not on one that was fenced, which is dead.

    Its agent is told to remove them before anything else, should it come back.
    """
    row = tx.get(ComputeHost, host_id(host))
    return row is None or not row.forced_down
