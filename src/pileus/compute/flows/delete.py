"""Delete a server: its guest first, then all that it holds, then the row."""

from ... import network, placement
from ...core.flow import Flow, Run, Step, Wait
from .. import instance_action
from ..server import ServerTag
from .create import server_of, still_there

_POLL = 20.0


def remove_guest(run: Run) -> Wait | None:
    """Ask the host to remove the guest, and wait until it says that it has."""
    return Wait(_POLL) if still_there(run.tx, run.subject) else None


def let_go(run: Run) -> Wait | None:
    """Give back ports and allocation, and mark the row deleted."""
    tx, server = run.tx, server_of(run)
    network.release_ports(tx, server.id)
    placement.release(tx, server.id)
    instance_action.finish(tx, server, run.row.request_id)
    tx.remove_where(ServerTag, ServerTag.server_id == server.id)
    tx.change(
        server,
        vm_state="deleted",
        task_state=None,
        power_state=0,
        host=None,
        group_id=None,
        deleted_at=tx.now,
        updated_at=tx.now,
        admin_pass=None,
        user_data=None,
        fault=None,
    )
    return None


DELETE = Flow("server.delete", Step(remove_guest), Step(let_go))
