"""Create a server: ask its host for the guest, wait until it runs; else another host, or ERROR."""

from ... import network, placement
from ...core import desired, flow
from ...core.db import Tx
from ...core.errors import BadRequest
from ...core.flow import Flow, Run, Step, Wait
from .. import instance_action
from ..host import build_failed, build_succeeded
from ..scheduler import NoValidHost, Scheduler, wish_of
from ..server import Server
from ..spec import guest_spec
from .ending import fail, held_up, powered
from .guest import GUEST, POLL, check, host_of, no_ports_yet, not_yet, server_of, still_there

_ATTEMPTS = 3


def ask(tx: Tx, server: Server) -> None:
    """Ask the server's host for its guest."""
    desired.put(tx, host_of(server), GUEST, server.id, guest_spec(tx, server))


def boot(run: Run) -> Wait | None:
    """See that the host is asked for the guest, wait for it and its ports, call it active."""
    tx, server = run.tx, server_of(run)
    host = host_of(server)
    row = desired.find(tx, host, GUEST, server.id)
    if row is None or row.spec is None:
        ask(tx, server)
        return Wait(POLL)
    state = desired.answer(row)
    if state is None:
        return not_yet(host, "made the guest")
    check(state, "running", f"Build of instance {server.id} aborted", host)
    if not network.ports_ready(tx, server.id):
        return no_ports_yet()
    build_succeeded(tx, host)
    powered(run, server, "running", launched_at=tx.now)
    return None


def unmade(run: Run) -> Wait | None:
    """Undo `boot`: wait until no host has anything of the guest."""
    tx, server = run.tx, server_of(run)
    return held_up(run, server, str(server.host)) if still_there(tx, server.id) else None


def elsewhere(run: Run) -> Wait | None:
    """The guest could not be made and nothing of it stays: try another host, or give up."""
    tx, server = run.tx, server_of(run)
    tried = [*run.args.get("tried", []), server.host]
    if server.host is not None:
        build_failed(tx, server.host)
    placement.release(tx, server.id)
    network.unbind_ports(tx, server.id)
    if server.vm_state == "error":
        # Its owner has been told so, and has perhaps made another one.
        network.release_ports(tx, server.id)
        tx.change(server, host=None, updated_at=tx.now)
        return None
    why = str(run.fault.get("message", ""))
    if len(tried) < _ATTEMPTS:
        try:
            _move(run, server, tried)
        except (NoValidHost, placement.NoCapacity, BadRequest) as none:
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
    tx = run.tx
    wish = wish_of(server, "", [host for host in tried if host], "not tried before")
    host = run.parts[Scheduler].place(tx, server, wish)
    network.bind_ports(tx, server.id, host.host)
    tx.change(server, host=host.host, generation=server.generation + 1)


CREATE = Flow("server.create", Step(boot, undo=unmade), failed=elsewhere)
