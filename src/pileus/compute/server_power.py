"""Starting, stopping, pausing, suspending: what the API says at once; a flow does the rest."""

from typing import Any

from ..config import Config
from ..core import flow
from ..core.errors import Conflict
from ..core.types import Enum, Field, Int, Object
from ..hosts import Listener
from ..wire.context import Context, Response
from ..wire.route import Route
from . import instance_action
from .driver import ComputeDriver
from .flows.power import POWER_FLOW
from .server import GUEST_POWER, Server, find, idle, ready, unlocked

_REBOOT = Object({"type": Field(Enum("SOFT", "HARD", "soft", "hard"), required=True)})
_OUTPUT = Object({"length": Field(Int(-1, strings=True), null=True)})
_HARD_FROM = ("active", "stopped", "paused", "suspended", "error")


def _begin(
    ctx: Context, server: Server, action: str, task: str, power: str, **args: Any
) -> Response:
    if server.host is None:
        raise Conflict(f"Instance {server.id} is not ready: it is on no host.")
    if server.task_state is None:
        idle(ctx, server, action)
    instance_action.begin(ctx, server, action, f"compute_{action}_instance")
    before = GUEST_POWER[server.vm_state]
    ctx.tx.change(server, task_state=task, updated_at=ctx.tx.now)
    flow.turn(ctx.tx, POWER_FLOW, server.id, ctx.request_id, power=power, before=before, **args)
    return Response(202)


def start(ctx: Context) -> object:
    """Power a stopped server on."""
    server = find(ctx, "servers:start")
    unlocked(ctx, server)
    ready(server, "start", ("stopped",))
    return _begin(ctx, server, "start", "powering-on", "running")


def stop(ctx: Context) -> object:
    """Power a server off."""
    server = find(ctx, "servers:stop")
    unlocked(ctx, server)
    ready(server, "stop", ("active", "error"))
    return _begin(ctx, server, "stop", "powering-off", "shutoff")


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


def pause(ctx: Context) -> object:
    """Stop a guest's processors, its memory kept."""
    server = find(ctx, "os-pause-server:pause")
    unlocked(ctx, server)
    ready(server, "pause", ("active",))
    return _begin(ctx, server, "pause", "pausing", "paused")


def unpause(ctx: Context) -> object:
    """Let a paused guest go on."""
    server = find(ctx, "os-pause-server:unpause")
    unlocked(ctx, server)
    ready(server, "unpause", ("paused",))
    return _begin(ctx, server, "unpause", "unpausing", "running")


def suspend(ctx: Context) -> object:
    """Keep a guest's memory on its host's disk, and turn it off."""
    server = find(ctx, "os-suspend-server:suspend")
    unlocked(ctx, server)
    ready(server, "suspend", ("active",))
    return _begin(ctx, server, "suspend", "suspending", "suspended")


def resume(ctx: Context) -> object:
    """Let a suspended guest go on where it was."""
    server = find(ctx, "os-suspend-server:resume")
    unlocked(ctx, server)
    ready(server, "resume", ("suspended",))
    return _begin(ctx, server, "resume", "resuming", "running")


def console_output(ctx: Context) -> object:
    """The last `length` lines of the serial console; all of it without one."""
    body = _OUTPUT.parse(ctx.inner("os-getConsoleOutput") or {}, ctx.where)

    def work(tx: Any) -> Server:
        ctx._tx = tx
        return find(ctx, "os-console-output")

    server = ctx.db.read(work)
    if server.host is None:
        raise Conflict(f"Instance {server.id} is not ready: it is on no host.")
    text = _console(ctx, server.id, server.host).decode("utf-8", "replace")
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
    Route("POST", _ACTION, start, action="os-start"),
    Route("POST", _ACTION, stop, action="os-stop"),
    Route("POST", _ACTION, reboot, action="reboot"),
    Route("POST", _ACTION, pause, action="pause"),
    Route("POST", _ACTION, unpause, action="unpause"),
    Route("POST", _ACTION, suspend, action="suspend"),
    Route("POST", _ACTION, resume, action="resume"),
    Route("POST", _ACTION, console_output, action="os-getConsoleOutput", tx="none"),
)
