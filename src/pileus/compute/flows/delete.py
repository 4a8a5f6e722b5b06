"""Delete a server: its guest first, then all that it holds, then the row."""

from ... import network, placement
from ...core.flow import Flow, Run, Step, Wait
from .. import instance_action
from ..migration import close, open_of
from ..server import ServerTag
from .guest import POLL, server_of, still_there
from .snapshot import drop_image


def remove(run: Run) -> Wait | None:
    """Wait until no host has the guest; then give back what it holds, and mark the row deleted."""
    if still_there(run.tx, run.subject):
        # Only its host can say that it is gone, unless that host is fenced.
        return Wait(POLL, patience=None)
    tx, server = run.tx, server_of(run)
    migration = open_of(tx, server.id)
    if migration is not None:
        close(tx, migration, "confirmed" if server.vm_state == "resized" else "error")
    network.release_ports(tx, server.id)
    placement.release(tx, server.id)
    instance_action.finish(tx, server, run.row.request_id)
    tx.remove_where(ServerTag, server_id=server.id)
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


DELETE = Flow("server.delete", Step(remove))
DELETE_SHELVED = Flow("server.delete_shelved", Step(remove), Step(drop_image, outside=True))
