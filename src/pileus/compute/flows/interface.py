"""Attach and detach interfaces: the guest's nics are what its host is asked for."""

from typing import Any

from ... import network
from ...core import desired
from ...core.flow import Failed, Flow, Run, Step, Wait
from .. import instance_action
from ..server import Server
from ..spec import nics
from .ending import action_failed
from .guest import GUEST, POLL, given_up, not_yet, server_of


def _asked(run: Run, server: Server, wanted: list[dict[str, Any]]) -> str | None:
    """Ask for these nics; what is wrong, "", or None while the host is at it."""
    row = server.host and desired.find(run.tx, server.host, GUEST, server.id)
    if not row or row.spec is None or server.host is None:
        return ""  # a guest that is not there has no nic too many, and is made with the right ones
    desired.put(run.tx, server.host, GUEST, server.id, {**row.spec, "nics": wanted})
    state = desired.settled(run.tx, server.host, GUEST, server.id)
    return None if state is None else str(state.get("error") or "")


def _without(run: Run, server: Server) -> list[dict[str, Any]]:
    return [nic for nic in nics(run.tx, server) if nic["port_id"] != run.args["port"]]


def plugged(run: Run) -> Wait | None:
    """Wait until the guest has the nic."""
    server = server_of(run)
    problem = _asked(run, server, nics(run.tx, server))
    if problem is None:
        return not_yet(str(server.host), "attached the interface")
    if problem:
        raise Failed(f"Failed to attach network adapter device to {server.id}", problem)
    instance_action.finish(run.tx, server, run.row.request_id)
    return None


def unplugged(run: Run) -> Wait | None:
    """Undo `plugged`: wait until the host has answered for the guest without it."""
    server = server_of(run)
    waits = _asked(run, server, _without(run, server)) is None
    return Wait(POLL) if waits and not given_up(run, str(server.host)) else None


def not_attached(run: Run) -> Wait | None:
    """The port is given back."""
    server = server_of(run)
    network.release_one(run.tx, server.id, run.args["port"])
    action_failed(run, server)
    return None


def unplug(run: Run) -> Wait | None:
    """Wait until the guest is without the nic, then give the port back."""
    server = server_of(run)
    problem = _asked(run, server, _without(run, server))
    if problem is None:
        return not_yet(str(server.host), "detached the interface")
    if problem:
        raise Failed(f"Failed to detach network adapter device from {server.id}", problem)
    network.release_one(run.tx, server.id, run.args["port"])
    instance_action.finish(run.tx, server, run.row.request_id)
    return None


def not_detached(run: Run) -> Wait | None:
    """The guest keeps the nic."""
    server = server_of(run)
    _asked(run, server, nics(run.tx, server))
    action_failed(run, server)
    return None


ATTACH = Flow("server.attach_interface", Step(plugged, undo=unplugged), failed=not_attached)
DETACH = Flow("server.detach_interface", Step(unplug), failed=not_detached)
