"""Make an image of a server: its host copies the root disk and hands the bytes over."""

from ... import image as images
from ...core import desired
from ...core.db import Tx
from ...core.flow import Failed, Flow, Run, Step, Wait
from .ending import succeeded, unchanged
from .guest import host_of, not_there_yet, server_of

SNAPSHOT = "snapshot"


def copy(run: Run) -> Wait | None:
    """Ask the host for the copy, and wait until the image has its bytes."""
    tx, server, image_id = run.tx, server_of(run), run.args["image"]
    if images.exists(tx, image_id):
        abandon(tx, server.id)
        return None
    host = host_of(server)
    desired.put(tx, host, SNAPSHOT, server.id, {"image": image_id, "disk": "disk"})
    state = desired.settled(tx, host, SNAPSHOT, server.id)
    if state is None:
        task = run.args.get("uploading", "image_uploading")
        if server.task_state != task:
            tx.change(server, task_state=task, updated_at=tx.now)
        return not_there_yet(run, host, "handed the image over")
    problem = state.get("error") or "the image is gone, or its host says nothing of it"
    raise Failed(f"Snapshot of instance {server.id} failed: {problem}", f"host {host}: {problem}")


def rotate(run: Run) -> Wait | None:
    """Delete the oldest backups of the server's kind, so that as many as were asked for stay."""
    wanted = run.args.get("rotation")
    if wanted is not None:

        def old(tx: Tx) -> list[str]:
            kind = run.args["kind"]
            found = images.owned(tx, run.args["owner"], kind | {"instance_uuid": run.subject})
            return [image.id for image in found[wanted:]]

        for image_id in run.db.read(old):
            images.destroy(run.parts, image_id)
    return None


def finish(run: Run) -> Wait | None:
    """The server is at rest again, and the action has ended well."""
    succeeded(run, server_of(run))
    return None


def abandon(tx: Tx, server_id: str) -> None:
    """Ask no host for a copy of this server's disk any more, and forget an image without bytes."""
    for row in tx.all(desired.Desired, kind=SNAPSHOT, id=server_id):
        if row.spec is not None:
            images.forget(tx, row.spec["image"])
            desired.withdraw(tx, row.host, SNAPSHOT, server_id)


def drop_image(run: Run) -> Wait | None:
    """Delete the image that a shelved server was kept in."""
    images.destroy(run.parts, run.args["image"])
    return None


def uncopied(run: Run) -> Wait | None:
    """No image comes of it; the server goes on as it was."""
    abandon(run.tx, run.subject)
    images.forget(run.tx, run.args["image"])
    unchanged(run, server_of(run))
    return None


SNAPSHOT_FLOW = Flow(
    "server.snapshot", Step(copy), Step(rotate, outside=True), Step(finish), failed=uncopied
)
