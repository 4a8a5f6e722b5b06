"""Full disks, killed processes and holes: nothing is half there, and the audit is clean."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pileus import image
from pileus.core.audit import audit
from pileus.core.db import Database
from pileus.core.engine import Engine
from pileus.core.flow import FlowRow, by_name
from pileus.core.parts import Parts
from pileus.image import Image, ImageStore, Stores
from pileus.image.mend import mend
from pileus.image.settings import Place
from pileus.image.store import Partial

from ...small_disk import small_disk
from .conftest import Harness, parts_of, served
from .test_import import Make, imported, settled
from .web import serving

OCTETS = {"Content-Type": "application/octet-stream"}
DATA = bytes(range(256)) * 4000
_BEGIN = (
    "import os,signal,sys;from pathlib import Path;"
    "from tests.api.image import test_faults as t;"
    "parts=t.furnished(Path(sys.argv[1]));\n"
    "def kill(*words,**named):\n os.kill(os.getpid(),signal.SIGKILL)\n"
)


def settings(folder: Path) -> image.Settings:
    second = Place("second", options={"path": str(folder / "second")})
    return image.Settings(
        stores=(Place("file"), second), allowed_ports=(), allowed_networks=("127.0.0.1/32",)
    )


def furnished(folder: Path) -> Parts:
    parts = parts_of(folder, settings=settings(folder))
    parts.add(image.Transfers(parts[Database], 0))
    return parts


def killed(folder: Path, code: str) -> Parts:
    """What a process leaves that runs `code` and kills itself in it."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(["src", "."])}
    done = subprocess.run([sys.executable, "-c", _BEGIN + code, str(folder)], env=env, timeout=100)
    assert done.returncode == -9
    return furnished(folder)


def found(parts: Parts) -> list[str]:
    findings = parts[Database].read(lambda tx: audit(image.INVARIANTS, parts, tx))
    return [one.detail for one in findings]


def only(parts: Parts) -> Image:
    rows = parts[Database].read(lambda tx: tx.all(Image))
    assert len(rows) == 1
    return rows[0]


def staged(parts: Parts, *stores: str) -> None:
    """An image with staged bytes and an import that has begun."""
    from pileus.image import imports
    from pileus.image.rows import ImageTask
    from pileus.image.upload import store

    db = parts[Database]
    made = Image(name="one", owner="demo", disk_format="raw", container_format="bare")
    row = db.run(lambda tx: tx.add(made))
    store(parts, row, db.ids.uuid(), "uploading", [DATA])

    def begin(tx):  # type: ignore[no-untyped-def]
        task = tx.add(ImageTask(type="api_image_import", owner="demo", image_id=row.id))
        now = tx.get(Image, row.id)
        args = {"method": {"name": "glance-direct"}}
        imports.start(tx, "req", task, now, list(stores), True, args)

    db.run(begin)


def go_on(parts: Parts) -> None:
    db = parts[Database]
    db.run(lambda tx: tx.set(FlowRow, FlowRow.lease_until.is_not(None), lease_until=None))
    Engine(db, by_name(image.FLOWS), parts).settle()


@pytest.mark.parametrize("where", ["places.Folder.put", "store.ImageStore.finish", "sparse.copy"])
def test_an_import_goes_on_after_kill_nine(tmp_path: Path, where: str) -> None:
    name = where.rpartition(".")[2]
    target = "places.copy" if where == "sparse.copy" else where
    code = (
        f"t.staged(parts,'second','file');import pileus.image.places,pileus.image.store\n"
        f"import pileus.image as i\ni.{target.rpartition('.')[0]}.{name}=kill\nt.go_on(parts)"
    )
    parts = killed(tmp_path, code)
    mend(parts)

    go_on(parts)

    row = only(parts)
    assert (row.status, sorted(row.stores)) == ("active", ["file", "second"])
    assert b"".join(parts[Stores].read(row, 0, len(DATA) - 1)) == DATA
    assert parts[Stores]["second"].size(row.id) == len(DATA)
    assert parts[ImageStore].partials() == set()
    assert found(parts) == []


def test_a_download_begins_anew_after_kill_nine(tmp_path: Path) -> None:
    with serving() as web:
        web.files["/disk"] = DATA
        code = (
            "from pileus.core import guarded\nreal=guarded.fetch\n"
            "def torn(*a,**b):\n it=real(*a,**b)\n yield next(it)\n kill()\n"
            "guarded.fetch=torn\n"
            f"t.downloading(parts,'{web.base}/disk')\nt.go_on(parts)"
        )
        parts = killed(tmp_path, code)
        mend(parts)

        go_on(parts)

    row = only(parts)
    assert (row.status, row.size) == ("active", len(DATA))
    assert parts[ImageStore].partials() == set()
    assert found(parts) == []


def downloading(parts: Parts, uri: str) -> None:
    from pileus.image import imports
    from pileus.image.rows import ImageTask

    made = Image(name="one", owner="demo", disk_format="raw", container_format="bare")

    def begin(tx):  # type: ignore[no-untyped-def]
        row = tx.add(made)
        task = tx.add(ImageTask(type="api_image_import", owner="demo", image_id=row.id))
        args = {"method": {"name": "web-download", "uri": uri}}
        imports.start(tx, "req", task, row, ["file"], True, args)

    parts[Database].run(begin)


def test_a_delete_that_is_killed_leaves_what_is_found_and_removed(tmp_path: Path) -> None:
    code = (
        "t.staged(parts,'second','file');t.go_on(parts)\n"
        "from pileus.image import made,removal\nremoval.sweep=kill\n"
        "made.destroy(parts,t.only(parts).id)"
    )
    parts = killed(tmp_path, code)
    assert len(found(parts)) == 2  # a file here, and one in the second store

    mend(parts)
    for one in parts[Database].read(lambda tx: audit(image.INVARIANTS, parts, tx)):
        one.violation.outside()  # type: ignore[misc]

    assert found(parts) == []
    assert parts[Stores]["second"].names() == set()


def test_a_full_disk_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    # The images' disk alone: what a full disk under the database does is told elsewhere.
    with (
        small_disk(tmp_path / "images", 8),
        served(tmp_path, settings=settings(tmp_path)) as harness,
        serving() as web,
    ):
        demo = harness.client("demo")
        body = {"disk_format": "raw", "container_format": "bare"}
        one, two = (demo.post("/v2/images", json=body).json()["id"] for _ in range(2))
        data = os.urandom(1 << 20) * 16
        web.files["/disk"] = data

        answer = demo.put(f"/v2/images/{one}/file", content=data, headers=OCTETS)
        imported(demo, two, f"{web.base}/disk")

        assert answer.status_code == 413
        assert "No space" in settled(demo, two)["message"]
        for image_id in (one, two):
            assert demo.get(f"/v2/images/{image_id}").json()["status"] == "queued"
        assert harness.audit() == []
        small = demo.put(f"/v2/images/{one}/file", content=b"x", headers=OCTETS)
        assert small.status_code == 204


def test_holes_stay_holes(harness: Harness, make: Make, demo: httpx.Client) -> None:
    made, data = make(), bytes(32 << 20) + b"end" + bytes(1 << 20)

    assert (
        demo.put(f"/v2/images/{made['id']}/file", content=data, headers=OCTETS).status_code == 204
    )

    stat = harness.parts[ImageStore].path(made["id"]).stat()
    assert (stat.st_size, stat.st_blocks * 512 < 1 << 20) == (len(data), True)
    assert demo.get(f"/v2/images/{made['id']}/file").content == data


@pytest.mark.parametrize("sizes", [[1], [65536], [65535, 2], [1 << 20, 7], [3, 65536, 65536, 9]])
@pytest.mark.parametrize("fill", [0, 1])
def test_bytes_are_written_as_they_are(tmp_path: Path, sizes: list[int], fill: int) -> None:
    partial = Partial(tmp_path / "file")
    pieces = [bytes([fill if index % 2 else 0]) * size for index, size in enumerate(sizes)]

    for piece in pieces:
        partial.write(piece)
    partial.sync()
    partial.close()

    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


def test_a_copy_keeps_holes(tmp_path: Path) -> None:
    from pileus.image.sparse import copy

    old, new = tmp_path / "old", tmp_path / "new"
    with old.open("wb") as file:
        file.seek(16 << 20)
        file.write(b"middle")
        file.truncate(32 << 20)

    copy(old, new)

    assert new.read_bytes() == old.read_bytes()
    assert new.stat().st_blocks * 512 < 1 << 20
