"""What a host's report on a guest means for its server when no flow is asking."""

import logging

from ..core import desired, flow
from ..core.db import Tx
from ..core.desired import Desired, Report
from .server import POWER, Server

log = logging.getLogger(__name__)
_STATE = {
    "running": "active",
    "shutoff": "stopped",
    "crashed": "stopped",
    "paused": "paused",
    "suspended": "suspended",
}


def observed(tx: Tx, row: Desired, report: Report) -> None:
    """Take over a guest's state: one that powered itself off is SHUTOFF and stays so.

    A guest that is not there any more is asked for again.
    """
    if report.state is None or row.spec is None:
        return
    server = tx.get(Server, report.id)
    if server is None or server.deleted_at is not None or server.host != row.host:
        return
    if server.task_state is not None or flow.find(tx, server.id) is not None:
        return
    power = str(report.state.get("power", ""))
    if report.state.get("error") or report.revision != row.revision:
        return
    if power == "absent":
        log.warning("server %s: host %s lost its guest; asking for it again", server.id, row.host)
        desired.retry(tx, row.host, row.kind, row.id)
        return
    if power not in _STATE or server.vm_state == "error":
        return
    if server.vm_state in ("resized", "rescued"):
        # It stays so until its owner ends that, whatever its power.
        if POWER[power] == server.power_state:
            return
        tx.change(server, power_state=POWER[power], updated_at=tx.now)
    elif POWER[power] == server.power_state and _STATE[power] == server.vm_state:
        return
    else:
        tx.change(server, vm_state=_STATE[power], power_state=POWER[power], updated_at=tx.now)
    wanted = "shutoff" if power == "crashed" else power
    if row.spec.get("power") != wanted:
        desired.put(tx, row.host, row.kind, row.id, {**row.spec, "power": wanted})
