"""Evacuate a server: its host is dead, so another one makes its guest anew from the image.

The request's transaction has claimed the other host already and given back what the dead one held.
The dead host is asked to remove the guest under its old generation: its agent hears of that before
anything else should the host come back.
"""

from ... import network
from ...core.flow import Flow, Run, Step, Wait
from ..migration import close
from ..spec import guest_spec
from .ending import broken, powered
from .guest import asked_to_be_off, check, no_ports_yet, not_yet, server_of, wanted_of
from .resize import migration_of


def build(run: Run) -> Wait | None:
    """Ask the new host for the guest, and wait until it and its ports are up."""
    tx, server, migration = run.tx, server_of(run), migration_of(run)
    host, power = migration.dest_host, run.args["power"]
    state = wanted_of(tx, host, server.id, guest_spec(tx, server) | {"power": power})
    if state is None:
        return not_yet(host, "made the guest")
    check(state, power, f"Evacuation of instance {server.id} failed", host)
    if power == "running" and not network.ports_ready(tx, server.id):
        return no_ports_yet()
    close(tx, migration, "done")
    powered(run, server, power, launched_at=tx.now)
    return None


def not_built(run: Run) -> Wait | None:
    """The server is on its new host and in ERROR: it can be rebuilt there, or evacuated again."""
    server = server_of(run)
    close(run.tx, migration_of(run), "failed")
    asked_to_be_off(run, server)
    broken(run, server)
    return None


EVACUATE = Flow("server.evacuate", Step(build), failed=not_built)
