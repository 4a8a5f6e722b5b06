"""Import an image: fetch → put → activate → sweep.

Fetch brings the bytes to this cloud's folder, where they are looked at; put takes them to each
store. Both are transfers that a step starts and polls, and that find out themselves what is done.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ...core import flow
from ...core.backend import Broken, Refused
from ...core.db import Tx
from ...core.errors import Fault
from ...core.flow import Failed, Flow, Run, Step, Wait
from ...core.ids import derived
from .. import remote
from ..formats import Unsafe
from ..near import near
from ..places import Stores
from ..removal import take_away
from ..rows import Image, ImageTask
from ..settings import FILE, Settings
from ..sparse import copy
from ..store import ImageStore
from ..transfers import Transfers
from ..upload import Received, store, take

_POLL = 1.0


def upload_of(run: Run) -> str:
    """The name under which this import's bytes are staged."""
    image = _image(run)
    if image is not None and run.args["method"]["name"] == "glance-direct":
        return image.upload
    return derived("import", run.row.id)


def _image(run: Run) -> Image | None:
    return run.db.read(lambda tx: tx.get(Image, run.subject))


def _transfer(run: Run, what: str, work: Callable[[], bool]) -> Wait | None:
    def told() -> bool:
        try:
            return work()
        except (Unsafe, Refused) as wrong:
            raise Failed(str(wrong)) from None
        except Fault as fault:
            raise Failed(fault.message) from None
        except FileNotFoundError:
            raise Failed("What is to be imported is not there.") from None
        except FileExistsError:
            return False  # somebody else has just begun
        except OSError as problem:
            raise Failed(f"The image cannot be stored: {problem.strerror}") from problem

    done = run.parts[Transfers].done(run.subject, f"{run.row.id}/{what}", told)
    return None if done else Wait(_POLL, patience=None)


def fetch(run: Run) -> Wait | None:
    """Bring the bytes here, where they are not yet."""
    name = run.args["method"]["name"]
    if name == "glance-direct":
        return None
    if name == "copy-image":
        return _transfer(run, "fetch", lambda: _near(run) is not None)
    work = _look_at if name == "location" else _download
    return _transfer(run, "fetch", lambda: work(run))


def _near(run: Run) -> Any:
    path = near(run.parts, run.subject)
    if path is None:
        raise Failed("The image's bytes are gone.")
    return path


def _download(run: Run) -> bool:
    image = _image(run)
    if image is None or image.staged is not None:
        return True
    files, upload = run.parts[ImageStore], upload_of(run)
    if files.living(image.id, upload):
        return False
    files.drop(image.id, upload)
    source = remote.source(run, image)
    with_like = {k: v for k, v in source.like.items() if k != "extra"}
    store(run.parts, image, upload, "importing", source.pieces, like=with_like)
    if source.like:
        run.db.run(lambda tx: _liken(tx, run.subject, source.like))
    return True


def _liken(tx: Tx, image_id: str, like: dict[str, Any]) -> None:
    image = tx.get(Image, image_id)
    if image is not None and image.staged is not None:
        tx.change(image, staged={**image.staged, **like})


def _look_at(run: Run) -> bool:
    """Read all that a location names, and keep what it is found to be."""
    image = _image(run)
    if image is None or image.staged is not None:
        return True
    source = remote.source(run, image)
    given = run.args.get("given") or {}
    extra = remote.Digest(given.get("os_hash_algo", "sha512"))
    received: Received = take(run.parts, image, extra.feed, source.pieces)
    if given and extra.value != given["os_hash_value"].lower():
        raise Failed("The bytes of the location do not have the hash that was given.")
    values = received.values | {"os_hash_algo": extra.name, "os_hash_value": extra.value}

    def keep(tx: Tx) -> None:
        now = tx.get(Image, run.subject)
        if now is not None:
            tx.change(now, staged=values)

    run.db.run(keep)
    return True


def unfetch(run: Run) -> None:
    """Nothing that was brought here stays."""
    image = _image(run)
    for upload in {derived("import", run.row.id), image.upload if image else ""} - {""}:
        run.parts[ImageStore].drop(run.subject, upload)


def put(run: Run) -> Wait | None:
    """Take the bytes to each store that they are to go to."""
    if not run.args["stores"]:
        return None
    return _transfer(run, "put", lambda: _put(run))


def _put(run: Run) -> bool:
    files, upload = run.parts[ImageStore], upload_of(run)
    with files.held(run.subject, upload) as mine:
        if not mine:
            return False
        image = _image(run)
        # The own folder last: what is staged becomes its file.
        for name in sorted((image.importing or {})["to"] if image else [], key=FILE.__eq__):
            try:
                _put_one(run, name, upload)
            except (Broken, OSError) as problem:
                if run.args["must"]:
                    raise Failed(f"Store {name} did not take the image: {problem}") from problem
                run.db.run(lambda tx, gone=name: _arrived(tx, run, gone, False))  # type: ignore[misc]
    return True


def _put_one(run: Run, name: str, upload: str) -> None:
    files = run.parts[ImageStore]
    path = files.partial_path(run.subject, upload)
    copying = run.args["copy"]
    if name != FILE:
        run.parts[Stores][name].put(run.subject, _near(run) if copying else path)
        if not run.db.run(lambda tx: _arrived(tx, run, name)):
            run.parts[Stores][name].remove(run.subject)  # the image was deleted meanwhile
        return
    if copying:
        copy(_near(run), path)
    with files.locked():
        # A crash may have come between the two: then the empty file is this process's own lock.
        image = run.db.read(lambda tx: tx.get(Image, run.subject))
        done = files.path(run.subject).exists() and path.stat().st_size == 0
        if image is not None and not done:
            files.finish(run.subject, upload)
        if not run.db.run(lambda tx: _arrived(tx, run, name)):
            files.remove(run.subject)


def _arrived(tx: Tx, run: Run, name: str, well: bool = True) -> bool:
    """One store has the image, or has refused it; false when the image is gone."""
    image = tx.get(Image, run.subject)
    if image is None or image.importing is None or flow.find(tx, run.subject) is None:
        return False
    left = [one for one in image.importing["to"] if one != name]
    failed = image.importing["failed"] + ([] if well else [name])
    values: dict[str, Any] = {"importing": {"to": left, "failed": failed}}
    if well and name not in image.stores:
        values["locations"] = [*image.places, {"store": name}]
    tx.change(image, **values)
    return True


def take_back(run: Run) -> None:
    """No store keeps what this import has put there."""
    had = run.args["had"]
    before = [one["store"] for one in had] if had is not None else [FILE] * run.args["copy"]

    def rows(tx: Tx) -> None:
        image = tx.get(Image, run.subject)
        if image is not None:
            tx.change(image, locations=had, importing={"to": [], "failed": run.args["stores"]})

    run.db.run(rows)
    for name in run.args["stores"]:
        if name not in before:
            # A store that does not answer keeps it, and the audit finds it there.
            take_away(run.parts, run.subject, name)


def activate(run: Run) -> None:
    """The image has its bytes, and its task has come to a good end."""
    tx = run.tx
    image = tx.get(Image, run.subject)
    if image is None:
        return
    if run.args["stores"] and not image.places:
        raise Failed("No store took the image.")
    values = dict(image.staged or {})
    extra = values.pop("extra", {})
    if "place" in run.args:
        values["locations"] = [run.args["place"]]
    failed = (image.importing or {}).get("failed", [])
    if not run.args["copy"]:
        values["properties"] = {**image.properties, **extra}
        values |= {"status": "active", "upload": "", "staged": None}
    tx.change(image, importing={"to": [], "failed": failed}, updated_at=tx.now, **values)
    _end_task(run, "success", "")


def sweep(run: Run) -> None:
    """What was staged, and is in no store's name, goes."""
    run.parts[ImageStore].drop(run.subject, derived("import", run.row.id))
    for image_id, upload in run.parts[ImageStore].partials():
        if image_id == run.subject and not run.parts[ImageStore].living(image_id, upload):
            run.parts[ImageStore].drop(image_id, upload)


def failed(run: Run) -> None:
    """The image waits for bytes again, or is as it was; its task says why."""
    tx = run.tx
    image = tx.get(Image, run.subject)
    if image is not None:
        values: dict[str, Any] = {"importing": {"to": [], "failed": run.args["stores"]}}
        if not run.args["copy"]:
            values |= {"status": "queued", "upload": "", "staged": None, "locations": None}
        tx.change(image, updated_at=tx.now, **values)
    _end_task(run, "failure", str(run.fault.get("message", "")))


def _end_task(run: Run, status: str, message: str) -> None:
    task = run.tx.get(ImageTask, str(run.args["task"]))
    if task is not None:
        hours = run.parts[Settings].task_time_to_live
        run.tx.change(
            task,
            status=status,
            message=message,
            result={"image_id": run.subject} if status == "success" else None,
            expires_at=run.tx.now + timedelta(hours=hours),
            updated_at=run.tx.now,
        )


IMPORT = Flow(
    "image.import",
    Step(fetch, undo=unfetch, outside=True),
    Step(put, undo=take_back, outside=True),
    Step(activate),
    Step(sweep, outside=True),
    failed=failed,
)
