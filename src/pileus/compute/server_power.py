"""Starting, stopping, pausing, suspending: what the API says at once; a flow does the rest."""

from typing import Any

from ..config import Config
from ..core import flow
from ..core.errors import Conflict
from ..core.types import Enum, Field, Int, Object
from ..hosts import Listener
from ..wire.context import Context, Handler, Response
from ..wire.route import Route
from . import instance_action
from .driver import ComputeDriver
from .flows.power import POWER_FLOW
from .host import host_id
from .pci.provider import addresses
from .server import GUEST_POWER, Server, find, hosted, idle, ready, unlocked

_REBOOT = Object({"type": Field(Enum("SOFT", "HARD", "soft", "hard"), required=True)})
_OUTPUT = Object({"length": Field(Int(-1, strings=True), null=True)})
_HARD_FROM = ("active", "stopped", "paused", "suspended", "error")


def _begin(
    ctx: Context, server: Server, action: str, task: str, power: str, **args: Any
) -> Response:
    hosted(server)
    if server.task_state is None:
        idle(ctx, server, action)
    instance_action.begin(ctx, server, action, f"compute_{action}_instance")
    before = GUEST_POWER[server.vm_state]
    ctx.tx.change(server, task_state=task, updated_at=ctx.tx.now)
    flow.turn(ctx.tx, POWER_FLOW, server.id, ctx.request_id, power=power, before=before, **args)
    return Response(202)


def _change(name: str, policy: str, task: str, power: str, *states: str) -> Handler:
    """The handler of an action that gives a server in one of these states another power."""

    def handle(ctx: Context) -> object:
        server = find(ctx, policy)
        unlocked(ctx, server)
        ready(server, name, states)
        return _begin(ctx, server, name, task, power)

    return handle


_start = _change("start", "servers:start", "powering-on", "running", "stopped")
_stop = _change("stop", "servers:stop", "powering-off", "shutoff", "active", "error")
_pause = _change("pause", "os-pause-server:pause", "pausing", "paused", "active")
_unpause = _change("unpause", "os-pause-server:unpause", "unpausing", "running", "paused")
_suspend = _change("suspend", "os-suspend-server:suspend", "suspending", "suspended", "active")
_resume = _change("resume", "os-suspend-server:resume", "resuming", "running", "suspended")


def suspend(ctx: Context) -> object:
    """Keep what is in the guest's memory on the host's disk. 409 for one with devices of its own.

    What is in a device cannot be kept.
    """
    server = find(ctx, "os-suspend-server:suspend")
    found = addresses(ctx.tx, server.id, host_id(server.host)) if server.host else []
    if found:
        raise Conflict(
            f"Cannot 'suspend' instance {server.id}: it has {', '.join(found)} of host"
            f" {server.host} to itself, whose state cannot be kept."
        )
    return _suspend(ctx)


def reboot(ctx: Context) -> object:
    """Reboot: SOFT asks the guest, HARD pulls the plug."""
    body = _REBOOT.parse(ctx.inner("reboot"), ctx.where.at("reboot"))
    server = find(ctx, "servers:reboot")
    unlocked(ctx, server)
    kind = body["type"].lower()
    if kind == "soft":
        ready(server, "reboot", ("active",))
        return _begin(ctx, server, "reboot", "rebooting", "running", reboot=kind)
    ready(server, "reboot", _HARD_FROM, (None, "rebooting"))
    return _begin(ctx, server, "reboot", "rebooting_hard", "running", reboot=kind)


def console_output(ctx: Context) -> object:
    """The last `length` lines of the serial console; all of it without one."""
    body = _OUTPUT.parse(ctx.inner("os-getConsoleOutput") or {}, ctx.where)

    def work(tx: Any) -> Server:
        ctx._tx = tx
        return find(ctx, "os-console-output")

    server = ctx.db.read(work)
    text = _console(ctx, server.id, hosted(server)).decode("utf-8", "replace")
    # Control characters other than white space are not for a JSON document to carry.
    clean = "".join(c for c in text if c >= " " or c in "\n\t\r\x1b")
    length = body.get("length")
    if length is not None and length >= 0:
        clean = "\n".join(clean.splitlines()[-length:] if length else [])
    return {"output": clean}


def _console(ctx: Context, server_id: str, host: str) -> bytes:
    if host == ctx.parts[Config].host:
        return ctx.parts[ComputeDriver].console_log(server_id)
    listener = ctx.parts.find(Listener)
    found = None if listener is None else listener.console(host, server_id)
    if found is None:
        raise Conflict(f"Host {host} cannot be asked for the console of {server_id} now.")
    return found


_ACTION = "/v2.1/servers/{server_id}/action"
ROUTES = (
    Route("POST", _ACTION, _start, action="os-start"),
    Route("POST", _ACTION, _stop, action="os-stop"),
    Route("POST", _ACTION, reboot, action="reboot"),
    Route("POST", _ACTION, _pause, action="pause"),
    Route("POST", _ACTION, _unpause, action="unpause"),
    Route("POST", _ACTION, suspend, action="suspend"),
    Route("POST", _ACTION, _resume, action="resume"),
    Route("POST", _ACTION, console_output, action="os-getConsoleOutput", tx="none"),
)
