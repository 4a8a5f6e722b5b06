"""Bytes in, bytes out, and what is left when something breaks."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pileus import image
from pileus.core.audit import audit
from pileus.core.db import Database
from pileus.image.mend import mend

from . import crafted
from .conftest import Harness, parts_of
from .test_inspector import EVIL

Make = Callable[..., dict[str, Any]]
OCTETS = {"Content-Type": "application/octet-stream"}


def upload(client: httpx.Client, image_id: str, data: Any, to: str = "file") -> httpx.Response:
    return client.put(f"/v2/images/{image_id}/{to}", content=data, headers=OCTETS)


def test_bytes_come_back_with_their_hashes(make: Make, demo: httpx.Client) -> None:
    data = os.urandom(3 << 20)
    made = make()
    assert demo.get(f"/v2/images/{made['id']}/file").status_code == 204
    assert upload(demo, made["id"], data).status_code == 204
    shown = demo.get(f"/v2/images/{made['id']}").json()
    assert (shown["status"], shown["size"], shown["virtual_size"]) == ("active", 3 << 20, 3 << 20)
    assert shown["os_hash_algo"] == "sha512"
    assert shown["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    answer = demo.get(f"/v2/images/{made['id']}/file")
    assert answer.content == data
    assert answer.headers["Content-MD5"] == shown["checksum"]


@pytest.mark.parametrize(
    ("span", "expected"), [("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89")]
)
def test_a_range_is_read(make: Make, demo: httpx.Client, span: str, expected: bytes) -> None:
    made = make()
    upload(demo, made["id"], b"0123456789")
    answer = demo.get(f"/v2/images/{made['id']}/file", headers={"Range": span})
    assert (answer.status_code, answer.content) == (206, expected)


@pytest.mark.parametrize("span", ["bytes=10-", "bytes=5-2", "bytes=-", "lines=1-2"])
def test_a_range_outside_is_refused(make: Make, demo: httpx.Client, span: str) -> None:
    made = make()
    upload(demo, made["id"], b"0123456789")
    answer = demo.get(f"/v2/images/{made['id']}/file", headers={"Range": span})
    assert answer.status_code == 416


def test_bytes_are_sent_once_and_as_octets(make: Make, demo: httpx.Client) -> None:
    made = make()
    assert demo.put(f"/v2/images/{made['id']}/file", json={}).status_code == 415
    assert upload(demo, made["id"], b"x").status_code == 204
    assert upload(demo, made["id"], b"y").status_code == 409


def test_bytes_want_formats_first(make: Make, demo: httpx.Client) -> None:
    made = make(disk_format=None)
    assert upload(demo, made["id"], b"x").status_code == 400


@pytest.mark.parametrize(("declared", "data"), EVIL)
def test_a_hostile_upload_leaves_nothing(
    harness: Harness, make: Make, demo: httpx.Client, declared: str, data: bytes
) -> None:
    made = make(disk_format=declared)
    assert upload(demo, made["id"], data).status_code == 415
    assert demo.get(f"/v2/images/{made['id']}").json()["status"] == "queued"
    assert harness.files() == []


def test_a_refused_image_can_be_sent_again(make: Make, demo: httpx.Client) -> None:
    made = make(disk_format="qcow2")
    assert upload(demo, made["id"], crafted.qcow2(backing=9)).status_code == 415
    assert upload(demo, made["id"], crafted.qcow2()).status_code == 204
    assert demo.get(f"/v2/images/{made['id']}").json()["virtual_size"] == 1 << 20


def test_a_client_that_goes_away_leaves_nothing(
    harness: Harness, make: Make, demo: httpx.Client
) -> None:
    made = make()
    host, _, port = harness.base.removeprefix("http://").partition(":")
    line = f"PUT /image/v2/images/{made['id']}/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: demo\r\n"
    with socket.create_connection((host, int(port))) as sock:
        head = "Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
        sock.sendall((line + head).encode() + bytes(5000))
        wait(lambda: demo.get(f"/v2/images/{made['id']}").json()["status"] == "saving")
    wait(lambda: demo.get(f"/v2/images/{made['id']}").json()["status"] == "queued")
    wait(lambda: harness.files() == [])
    assert harness.audit() == []


def test_a_delete_during_an_upload_wins(harness: Harness, make: Make, demo: httpx.Client) -> None:
    made = make()
    begun, go_on = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield bytes(1000)
        begun.set()
        go_on.wait(30)
        yield bytes(1000)

    found: list[httpx.Response] = []
    sender = threading.Thread(target=lambda: found.append(upload(demo, made["id"], pieces())))
    sender.start()
    begun.wait(30)
    other = harness.client("demo")
    wait(lambda: other.get(f"/v2/images/{made['id']}").json()["status"] == "saving")
    assert other.delete(f"/v2/images/{made['id']}").status_code == 204
    go_on.set()
    sender.join(30)
    assert found[0].status_code in (404, 409, 410)
    assert harness.files() == []


def test_a_delete_does_not_cut_a_read_short(make: Make, harness: Harness) -> None:
    made = make()
    demo = harness.client("demo")
    data = os.urandom(24 << 20)
    upload(demo, made["id"], data)
    with demo.stream("GET", f"/v2/images/{made['id']}/file") as answer:
        pieces = answer.iter_bytes()
        first = next(pieces)
        assert harness.client("demo").delete(f"/v2/images/{made['id']}").status_code == 204
        assert harness.files() == []
        assert first + b"".join(pieces) == data


def test_staged_bytes_are_imported(harness: Harness, make: Make, demo: httpx.Client) -> None:
    made = make()
    body = {"method": {"name": "glance-direct"}}
    assert demo.post(f"/v2/images/{made['id']}/import", json=body).status_code == 409
    assert upload(demo, made["id"], b"staged", "stage").status_code == 204
    assert demo.get(f"/v2/images/{made['id']}").json()["status"] == "uploading"
    mend(harness.parts)
    assert demo.post(f"/v2/images/{made['id']}/import", json={}).status_code == 400
    assert demo.post(f"/v2/images/{made['id']}/import", json=body).status_code == 202
    wait(lambda: demo.get(f"/v2/images/{made['id']}").json()["status"] == "active")
    assert demo.get(f"/v2/images/{made['id']}/file").content == b"staged"
    assert harness.audit() == []


def test_deactivated_bytes_are_not_read(
    make: Make, demo: httpx.Client, admin: httpx.Client
) -> None:
    path = f"/v2/images/{make()['id']}"
    assert demo.post(f"{path}/actions/deactivate").status_code == 403
    demo.put(f"{path}/file", content=b"x", headers=OCTETS)
    assert demo.post(f"{path}/actions/deactivate").status_code == 204
    assert demo.get(path).json()["status"] == "deactivated"
    assert demo.get(f"{path}/file").status_code == 403
    assert admin.get(f"{path}/file").content == b"x"
    assert demo.post(f"{path}/actions/reactivate").status_code == 204
    assert demo.get(f"{path}/file").content == b"x"


def test_the_store_is_mended_after_kill_nine(tmp_path: Path) -> None:
    code = (
        "import os,signal,sys;from pathlib import Path;"
        "from tests.api.image.conftest import parts_of;from pileus import image;"
        "p=parts_of(Path(sys.argv[1]));s=Path(sys.argv[1])/'src';s.write_bytes(bytes(1000));"
        "image.add_local(p,'good',s,'raw');"
        "import pileus.image.local as l;"
        "real=l.store\n"
        "def pieces():\n yield bytes(1000)\n os.kill(os.getpid(),signal.SIGKILL)\n"
        "l.store=lambda parts,i,u,st,_:real(parts,i,u,st,pieces())\n"
        "image.add_local(p,'torn',s,'raw')"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(["src", "."])}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, timeout=60)
    assert done.returncode == -9
    parts = parts_of(tmp_path)
    store = parts[image.ImageStore]
    (store.root / "1c1f8f4e-0000-4000-8000-000000000000").write_bytes(b"orphan")
    assert len(store.partials()) == 1

    mend(parts)

    rows = parts[Database].read(lambda tx: {r.name: r.status for r in tx.all(image.Image)})
    assert rows == {"good": "active", "torn": "queued"}
    assert store.partials() == set() and len(store.files()) == 1
    assert parts[Database].read(lambda tx: audit(image.INVARIANTS, parts, tx)) == []


def test_a_lost_file_is_reported(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    made = image.add_local(parts, "lost", source, "raw")
    parts[image.ImageStore].path(made.id).unlink()
    found = parts[Database].read(lambda tx: audit(image.INVARIANTS, parts, tx))
    assert [one.detail for one in found] == [
        f"image {made.id} is active, but its file is gone; restore a backup"
    ]


def wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
