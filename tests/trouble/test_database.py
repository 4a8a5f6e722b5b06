"""A database that takes no writes: requests are refused whole, and go on by themselves."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ..cli.test_commands import Machine
from ..cli.test_upgrade import client
from ..cloud import Client, Cloud
from ..small_disk import small_disk

_HEADERS = {"OpenStack-API-Version": "compute 2.90"}


@contextmanager
def pragma(cloud: Cloud, text: Callable[[Any], str], undo: str) -> Iterator[None]:
    """Every connection that a transaction takes is under this pragma meanwhile."""
    ill = True

    def begin(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(text(connection) if ill else undo)

    sa.event.listen(cloud.app.db.engine, "checkout", begin)
    yield
    ill = False


def full(connection: Any) -> str:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return f"PRAGMA max_page_count = {pages}"


TROUBLES = {
    "full": (full, "PRAGMA max_page_count = 1073741823", "out of disk"),
    "read-only": (lambda _c: "PRAGMA query_only = 1", "PRAGMA query_only = 0", "not take writes"),
}


def ask_much(client: Client) -> Any:
    """A request that writes more than the pages there are have room for."""
    body = {"network": {"name": "n" * 200, "description": "d" * 200}}
    answers = [client.post("/network/v2.0/networks", json=body) for _ in range(60)]
    return next((a for a in answers if a.status_code != 201), answers[-1])


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_request_is_refused_whole_and_the_next_one_goes_on(
    fresh_cloud: Cloud, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    begin, undo, said = TROUBLES[trouble]
    caplog.set_level(logging.INFO, "pileus.core.health")
    with pragma(fresh_cloud, begin, undo):
        answers = [ask_much(fresh_cloud.demo) for _ in range(3)]
        listed = fresh_cloud.demo.get("/network/v2.0/networks")
        names = fresh_cloud.demo.get("/network/v2.0/networks").json()["networks"]
        key = {"X-Pileus-Key": (fresh_cloud.config.state / "control.key").read_text()}
        status = fresh_cloud.admin.get("/pileus/status", headers=key).json()
    after = fresh_cloud.demo.post("/network/v2.0/networks", json={"network": {"name": "after"}})
    fresh_cloud.settle()
    # It counts as mended a moment before it says so.
    fresh_cloud.until(lambda: len(caplog.records) > 1, "it to say that it is mended")

    levels = [record.levelname for record in caplog.records]
    assert not fresh_cloud.app.db.health.ailment
    assert [a.status_code for a in answers] == [503] * 3
    assert answers[0].json()["NeutronError"]["message"].startswith("Nothing was changed")
    assert listed.status_code == 200 and len(names) == len({n["id"] for n in names})
    assert said in status["database_ailment"].replace("does not", "not")
    assert after.status_code == 201
    assert levels == ["ERROR", "INFO"]
    assert fresh_cloud.audit() == []


def test_a_server_under_way_is_finished_once_the_database_takes_writes(fresh_cloud: Cloud) -> None:
    image = fresh_cloud.demo.get("/image/v2/images").json()["images"][0]["id"]
    body = {"name": "slow", "flavorRef": "42", "imageRef": image, "networks": "none"}
    fresh_cloud.machine.compute.delay = 0.2
    made = fresh_cloud.demo.post(
        "/compute/v2.1/servers", json={"server": body}, headers=_HEADERS
    ).json()["server"]["id"]
    begin, undo, _ = TROUBLES["read-only"]

    with pragma(fresh_cloud, begin, undo):
        refused = fresh_cloud.demo.delete(f"/compute/v2.1/servers/{made}")
        fresh_cloud.until(fresh_cloud.machine.compute.observe, "the guest to be made")
    fresh_cloud.settle()

    path = f"/compute/v2.1/servers/{made}"
    shown = fresh_cloud.demo.get(path, headers=_HEADERS).json()["server"]
    assert refused.status_code == 503 and "Nothing was changed" in refused.text
    assert shown["status"] == "ACTIVE"
    assert fresh_cloud.audit() == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 80 MB."""
    folder = tmp_path / "small"
    with small_disk(folder, 80):
        yield folder


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@pytest.mark.timeout(300)
def test_a_full_disk_is_survived_by_a_whole_process(small: Path) -> None:
    machine = Machine(small)
    assert machine.up().returncode == 0
    password = json.loads((machine.state / "config.json").read_text())["admin_password"]
    api = client(f"http://127.0.0.1:{machine.port}", password)
    fill(small)

    refused = [
        api.post("/network/v2.0/networks", json={"network": {"name": f"n{n}"}}) for n in range(400)
    ]
    upload = api.post("/image/v2/images", json={"name": "i" * 200})
    read = api.get("/network/v2.0/networks")
    doctor = machine.run("doctor")
    (small / "filler").unlink()
    after = api.post("/network/v2.0/networks", json={"network": {"name": "after"}})
    audit = machine.run("audit")
    deadline = time.monotonic() + 60
    while "WRONG database" in machine.run("doctor").stdout:
        assert time.monotonic() < deadline, "it never counted as mended"
    log = (machine.state / "log/pileus.log").read_text()
    machine.run("down")
    again = machine.up()
    machine.run("down")

    codes = {one.status_code for one in refused}
    assert 503 in codes and codes <= {201, 503}, codes
    assert upload.status_code == 503 and read.status_code == 200
    assert "WRONG database" in doctor.stdout and "df -h" in doctor.stdout
    assert after.status_code == 201
    assert audit.returncode == 0, audit.stdout
    assert log.count("does not take writes") <= 1 and "Traceback" not in log
    assert again.returncode == 0, again.stderr
