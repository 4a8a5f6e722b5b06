"""Rebuild a server: its host throws the disks away and makes the guest anew from the image."""

from ...core import desired
from ...core.flow import Flow, Run, Step, Wait
from ..spec import guest_spec
from .ending import broken, powered
from .guest import GUEST, POLL, check, host_of, server_of


def renew(run: Run) -> Wait | None:
    """Ask the host for the new guest; that there is one more build makes it anew."""
    tx, server = run.tx, server_of(run)
    spec = guest_spec(tx, server) | {"power": run.args["power"]}
    desired.put(tx, host_of(server), GUEST, server.id, spec)
    return None


def renewed(run: Run) -> Wait | None:
    """Wait for the new guest."""
    tx, server, wanted = run.tx, server_of(run), run.args["power"]
    state = desired.settled(tx, str(server.host), GUEST, server.id)
    if state is None:
        return Wait(POLL)
    check(state, wanted, f"Rebuild of instance {server.id} failed", server.host)
    powered(run, server, wanted, launched_at=tx.now)
    return None


def not_renewed(run: Run) -> Wait | None:
    """What was there is gone or half gone: the server is in ERROR, and can be rebuilt again."""
    broken(run, server_of(run))
    return None


REBUILD = Flow("server.rebuild", Step(renew), Step(renewed), failed=not_renewed)
