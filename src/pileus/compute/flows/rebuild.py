"""Rebuild a server: its host throws the disks away and makes the guest anew from the image."""

from contextlib import suppress

from ... import placement
from ...core import desired
from ...core.flow import Flow, Run, Step, Wait
from ..host import host_id
from ..migration import shares
from ..server import Server
from ..spec import guest_spec
from .ending import broken, powered
from .guest import GUEST, check, host_of, not_yet, server_of


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
        return not_yet(host_of(server), "made the guest anew")
    check(state, wanted, f"Rebuild of instance {server.id} failed", server.host)
    powered(run, server, wanted, launched_at=tx.now)
    return None


def not_renewed(run: Run) -> Wait | None:
    """What was there is gone or half gone: the server is in ERROR, and can be rebuilt again.

    A host that has said nothing may still have it all, and is not to throw it away any more.
    """
    server = server_of(run)
    if run.unanswered and server.host is not None and "before" in run.args:
        _keep(run, server, host_id(server.host))
    broken(run, server)
    return None


def _keep(run: Run, server: Server, key: str) -> None:
    tx, build = run.tx, server.builds
    tx.change(server, **run.args["before"], builds_lost=build)
    spec = guest_spec(tx, server) | {"power": run.args["power"]}
    desired.put(tx, host_of(server), GUEST, server.id, spec)
    with suppress(placement.NoCapacity):  # then the audit says what it holds too little
        wanted = shares(server, None)[key]
        placement.claim(tx, server.id, server.project_id, server.user_id, key, wanted)


REBUILD = Flow("server.rebuild", Step(renew), Step(renewed), failed=not_renewed)
