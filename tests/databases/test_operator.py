"""What an operator sees of a database: named, never with its password, and what ails it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pileus.core.db import Database
from pileus.core.errors import Unavailable
from pileus.core.quota import QuotaGuard
from pileus.core.resource import schema

from ..ports import free_port
from ..postgresql import Server
from ..small_disk import small_disk
from ..wait import until
from .fleet import SOURCE, Process


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture(scope="module")
def process(own: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("operator")
    clouds = ("--clouds-file", str(folder / "clouds.yaml"))
    made = Process(folder / "state", "--simulate", *clouds, database=own.new_database())
    yield made
    made.close()


def test_status_names_the_database(process: Process, own: Server) -> None:
    said = process.run("status")

    assert f"127.0.0.1:{own.port}" in said
    assert own.password not in said


def test_the_password_is_in_no_log_and_no_process_list(process: Process, own: Server) -> None:
    shown = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout

    assert own.password not in shown
    assert own.password not in process.log()


def test_a_password_on_the_command_line_is_blanked(own: Server, tmp_path: Path) -> None:
    url = own.url("nowhere_to_be_found")
    words = ["up", "--simulate", "--state", str(tmp_path / "s"), "--database", url]
    script = (
        "import sys,time;from pileus.cli import database as d;"
        "d.unshow(sys.argv[-1]);print('blank',flush=True);time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, *words],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"blank\n"

    shown = Path(f"/proc/{child.pid}/cmdline").read_bytes()

    child.kill()
    child.wait()
    assert own.password.encode() not in shown
    assert b"nowhere_to_be_found" in shown


def test_up_says_what_is_wrong_with_a_database(own: Server, tmp_path: Path) -> None:
    words = ["--simulate", "--port", str(free_port()), "--state", str(tmp_path / "s")]
    done = subprocess.run(
        [sys.executable, "-m", "pileus.cli", "up", *words],
        env=os.environ | {"PYTHONPATH": str(SOURCE), "PILEUS_DATABASE": own.url("absent")},
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert 'database "absent" does not exist' in done.stderr
    assert own.password not in done.stdout + done.stderr


def test_doctor_says_that_a_database_is_read_only_or_away(process: Process, own: Server) -> None:
    def finding() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pileus.cli", "doctor", "--state", str(process.state)],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
        )
        return next(line for line in done.stdout.splitlines() if "database:" in line)

    assert finding().startswith("ok")

    own.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    own.sql("SELECT pg_reload_conf()")
    until(lambda: "read-only" in finding(), "doctor to say so", 30)
    own.sql("ALTER SYSTEM RESET ALL")
    own.sql("SELECT pg_reload_conf()")

    own.stop()
    assert "cannot be used" in finding()
    assert finding().startswith("WRONG")

    own.start()
    until(lambda: finding().startswith("ok"), "doctor to be content", 30)


def test_a_full_disk_under_the_database_is_survived() -> None:
    with contextlib.closing(Server()) as server:
        disk = server.folder / "disk"
        with small_disk(disk, 24):
            _fill_and_recover(server, disk)


def _fill_and_recover(server: Server, disk: Path) -> None:
    home, hoard = disk / "tablespace", disk / "hoard"
    home.mkdir()
    shutil.chown(home, "postgres")
    server.sql(f"CREATE TABLESPACE small LOCATION '{home}'")
    server.sql("CREATE DATABASE tiny TEMPLATE template0 ENCODING UTF8 TABLESPACE small")
    db = Database(server.url("tiny"))
    schema.create_all(db.engine)
    with contextlib.suppress(OSError), hoard.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass

    def much() -> None:
        for number in range(20_000):
            db.run(lambda tx, n=number: tx.add(QuotaGuard(project_id=f"{n:064}")), promise=False)

    with pytest.raises(Unavailable) as refused:
        much()
    hoard.unlink()
    db.run(lambda tx: tx.add(QuotaGuard(project_id="afterwards")))

    assert "out of disk" in refused.value.message
    assert db.read(lambda tx: tx.get(QuotaGuard, "afterwards")) is not None
    db.close()


def test_the_settings_file_is_the_owner_s_alone(process: Process) -> None:
    file = process.state / "config.json"

    assert file.stat().st_mode & 0o077 == 0
    assert json.loads(file.read_text())["database"]
