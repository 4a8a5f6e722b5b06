"""What has been done to a server: one row an action, its events inside."""

from typing import Any

from ..core.db import Tx
from ..core.resource import Resource, attr, now
from ..core.types import Json, Text, Uuid, When
from ..wire.context import Context
from .server import Server

_FORM = "%Y-%m-%dT%H:%M:%S.000000"


class InstanceAction(Resource):
    """One request that changed, or tried to change, a server."""

    one, many = "instance_action", "instance_actions"

    server_id = attr(Uuid(), key=True)
    request_id = attr(Text(64), key=True)
    action = attr(Text(64))
    user_id = attr(Text(64))
    project_id = attr(Text(64))
    message = attr(Text(255), null=True)
    events = attr(Json(), default=list)
    start_time = attr(When(_FORM), default=now)
    updated_at = attr(When(_FORM), default=now)


def begin(ctx: Context, server: Server, action: str, event: str = "") -> None:
    """Note an action that the caller starts; `event` is the one that it consists of."""
    started = [{"event": event, "start": ctx.tx.now.isoformat(), "host": server.host}]
    ctx.tx.add(
        InstanceAction(
            server_id=server.id,
            request_id=ctx.request_id,
            action=action,
            user_id=ctx.who.user_id,
            project_id=ctx.who.project_id,
            events=started if event else [],
        )
    )


def finish(tx: Tx, server: Server, request_id: str, fault: str = "", details: str = "") -> None:
    """Note how the action that this request began has ended."""
    row = tx.get(InstanceAction, server.id, request_id)
    if row is None:
        return
    ended: dict[str, Any] = {
        "finish": tx.now.isoformat(),
        "result": "Error" if fault else "Success",
        "host": server.host,
        "details": fault or None,
        "traceback": details or None,
    }
    events = [event | ended if "finish" not in event else event for event in row.events]
    tx.change(row, events=events, updated_at=tx.now, message="Error" if fault else None)
