"""Start, stop, reboot, pause, suspend: change what the guest should be, wait until it is."""

from typing import Any

from ...core import desired
from ...core.flow import Flow, Run, Step, Wait
from ..server import Server
from .ending import broken, powered, unchanged
from .guest import GUEST, check, host_of, not_yet, server_of, spec_on

_TOLD = {
    "running": "started the guest",
    "shutoff": "turned the guest off",
    "paused": "paused the guest",
    "suspended": "suspended the guest",
}


def _ask(run: Run, server: Server, **changes: Any) -> None:
    host = host_of(server)
    before = spec_on(run.tx, host, server.id)
    spec = before | changes
    if spec == before:
        # The guest is not what it should be already: the host must look at it again.
        desired.retry(run.tx, host, GUEST, server.id)
    else:
        desired.put(run.tx, host, GUEST, server.id, spec)


def ask(run: Run) -> Wait | None:
    """Write down the power that is wanted, and that there is one more reboot."""
    server, args = server_of(run), run.args
    changes: dict[str, Any] = {"power": args["power"]}
    if args.get("reboot"):
        run.tx.change(server, reboots=server.reboots + 1)
        changes |= {"reboots": server.reboots, "reboot": args["reboot"]}
    _ask(run, server, **changes)
    return None


def ask_back(run: Run) -> Wait | None:
    """Undo `ask`: want what was there before; a reboot that nobody answered for is not to be."""
    server = server_of(run)
    changes: dict[str, Any] = {"power": run.args["before"]}
    if run.args.get("reboot") and run.unanswered:
        changes["reboots"] = server.reboots - 1
    if server.host is not None and desired.find(run.tx, server.host, GUEST, server.id):
        _ask(run, server, **changes)
    return None


def done(run: Run) -> Wait | None:
    """Wait for the host's report, and take the server's state from it."""
    server, wanted = server_of(run), run.args["power"]
    state = desired.settled(run.tx, host_of(server), GUEST, server.id)
    if state is None:
        return not_yet(host_of(server), _TOLD[wanted])
    check(state, wanted, f"Instance {server.id}", server.host)
    powered(run, server, wanted)
    return None


def failed(run: Run) -> Wait | None:
    """The server is usable as it was before, except after a reboot that went wrong."""
    end = broken if run.args.get("reboot") and not run.unanswered else unchanged
    end(run, server_of(run))
    return None


POWER_FLOW = Flow("server.power", Step(ask, undo=ask_back), Step(done), failed=failed)
