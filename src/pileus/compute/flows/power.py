"""Start, stop, reboot, pause, suspend: change what the guest should be, wait until it is."""

from typing import Any

from ...core import desired
from ...core.flow import Flow, Run, Step, Wait
from ..server import Server
from .ending import broken, powered, unchanged
from .guest import GUEST, POLL, check, host_of, server_of, spec_on


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
    """Undo `ask`: want what was there before."""
    server = server_of(run)
    if server.host is not None and desired.find(run.tx, server.host, GUEST, server.id):
        _ask(run, server, power=run.args["before"])
    return None


def done(run: Run) -> Wait | None:
    """Wait for the host's report, and take the server's state from it."""
    server, wanted = server_of(run), run.args["power"]
    state = desired.settled(run.tx, host_of(server), GUEST, server.id)
    if state is None:
        return Wait(POLL)
    check(state, wanted, f"Instance {server.id}", server.host)
    powered(run, server, wanted)
    return None


def failed(run: Run) -> Wait | None:
    """The server is usable as it was before, except after a reboot: nobody knows then."""
    end = broken if run.args.get("reboot") else unchanged
    end(run, server_of(run))
    return None


POWER_FLOW = Flow("server.power", Step(ask, undo=ask_back), Step(done), failed=failed)
