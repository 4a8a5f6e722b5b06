"""Backups are made of a cloud at work, and put back elsewhere."""

import itertools
import sqlite3
import stat
import tarfile
import threading
from datetime import datetime
from pathlib import Path

import pytest

from pileus import migrations, settings
from pileus.backup import BadBackup, backup, restore
from pileus.backup.manifest import NAME

from ..cloud import Client, Cloud
from .test_commands import Machine

_WHEN = datetime(2030, 1, 1)
_HEADERS = {"OpenStack-API-Version": "compute 2.90"}


def make(cloud: Cloud, target: Path, images: bool = True) -> None:
    settings.save(cloud.config)
    backup(cloud.config, target, "1", _WHEN, images)


def put_back(file: Path, state: Path) -> None:
    restore(file, state, migrations.known(), "1")


def image_of(client: Client, name: str, data: bytes) -> str:
    kind = {"name": name, "disk_format": "raw", "container_format": "bare"}
    made = client.post("/image/v2/images", json=kind).json()["id"]
    headers = {"Content-Type": "application/octet-stream"}
    sent = client.put(f"/image/v2/images/{made}/file", content=data, headers=headers)
    assert sent.status_code == 204, sent.text
    return str(made)


def server_of(client: Client, image: str, name: str) -> str:
    body = {"name": name, "flavorRef": "42", "imageRef": image, "networks": "auto"}
    answer = client.post("/compute/v2.1/servers", json={"server": body}, headers=_HEADERS)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["server"]["id"])


def servers(cloud: Cloud) -> dict[str, str]:
    found = cloud.demo.get("/compute/v2.1/servers/detail", headers=_HEADERS).json()["servers"]
    return {one["id"]: one["status"] for one in found}


class Load:
    """Creates and deletes servers and images until it is stopped."""

    def __init__(self, cloud: Cloud, image: str) -> None:
        self._cloud, self._image = cloud, image
        self._stop, self.turned = threading.Event(), threading.Event()
        self.faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=[n]) for n in range(2)]
        for thread in self._threads:
            thread.start()

    def _run(self, number: int) -> None:
        client = self._cloud.client("demo", "demo-secret", "demo")
        try:
            for turn in itertools.count():
                if self._stop.is_set():
                    return
                server = server_of(client, self._image, f"load-{number}-{turn}")
                extra = image_of(client, f"load-{number}-{turn}", b"y" * 200_000)
                client.delete(f"/compute/v2.1/servers/{server}")
                client.delete(f"/image/v2/images/{extra}")
                if turn == 1:
                    self.turned.set()
        except BaseException as wrong:
            self.faults.append(wrong)
            self.turned.set()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not self.faults


@pytest.mark.timeout(300)
def test_a_cloud_under_load_is_backed_up_and_put_back_elsewhere(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path / "state")
    image = image_of(cloud.demo, "kept", b"x" * 500_000)
    kept = {server_of(cloud.demo, image, f"kept-{n}") for n in range(3)}
    cloud.settle()
    token = cloud.demo.headers["X-Auth-Token"]
    load = Load(cloud, image)
    load.turned.wait(60)
    file = tmp_path / "cloud.backup"

    make(cloud, file)

    load.stop()
    later = server_of(cloud.demo, image, "later")
    cloud.demo.delete(f"/compute/v2.1/servers/{sorted(kept)[0]}")
    cloud.settle()
    cloud.close()
    put_back(file, tmp_path / "other")
    # The hosts are as they are now, not as they were then.
    guests = "simulated-guests.jsonl"
    (tmp_path / "other" / guests).write_bytes((tmp_path / "state" / guests).read_bytes())
    other = Cloud(tmp_path / "other")
    other.settle()
    other.demo.headers["X-Auth-Token"] = token
    shown = servers(other)
    report = other.audit()
    text = other.demo.get(f"/image/v2/images/{image}/file").content
    other.close()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {key: shown.get(key) for key in kept} == dict.fromkeys(kept, "ACTIVE")
    assert text == b"x" * 500_000
    newer = [one for one in report if later in one.detail]
    assert len(newer) == 1 and "--remove-guest" in newer[0].detail
    assert report == newer


def test_without_images_only_their_bytes_are_missing(fresh_cloud: Cloud, tmp_path: Path) -> None:
    image_of(fresh_cloud.demo, "left out", b"z" * 1000)
    make(fresh_cloud, tmp_path / "small", images=False)
    put_back(tmp_path / "small", tmp_path / "other")

    other = Cloud(tmp_path / "other")
    other.settle()
    found = other.app.audit()
    other.close()

    assert found and all("its file is gone" in one.detail for one in found)


def test_an_image_on_its_way_is_queued_again(fresh_cloud: Cloud, tmp_path: Path) -> None:
    image = fresh_cloud.demo.post(
        "/image/v2/images",
        json={"name": "staged", "disk_format": "raw", "container_format": "bare"},
    ).json()["id"]
    headers = {"Content-Type": "application/octet-stream"}
    fresh_cloud.demo.put(f"/image/v2/images/{image}/stage", content=b"s", headers=headers)
    make(fresh_cloud, tmp_path / "file")
    put_back(tmp_path / "file", tmp_path / "other")

    with sqlite3.connect(tmp_path / "other/pileus.db") as raw:
        found = raw.execute("select status, upload from images where id = ?", [image]).fetchone()

    assert found == ("queued", "")


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backup")
    cloud = Cloud(folder / "state", start=False)
    make(cloud, folder / "file")
    cloud.close()
    return folder / "file"


def refused(file: Path, state: Path) -> str:
    with pytest.raises(BadBackup) as wrong:
        put_back(file, state)
    assert not state.exists() or [p.name for p in state.iterdir()] == ["mine"]
    assert [p.name for p in state.parent.iterdir() if "restore" in p.name] == []
    return str(wrong.value)


def test_a_directory_with_things_in_it_is_left_alone(backed_up: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/mine").touch()

    assert "not empty" in refused(backed_up, tmp_path / "state")


@pytest.mark.parametrize("at", [0.01, 0.3, 0.6, 0.9, 0.95])
def test_a_file_cut_short_is_refused(backed_up: Path, tmp_path: Path, at: float) -> None:
    whole = backed_up.read_bytes()
    (tmp_path / "short").write_bytes(whole[: int(len(whole) * at)])

    refused(tmp_path / "short", tmp_path / "state")


def test_a_changed_byte_is_refused(backed_up: Path, tmp_path: Path) -> None:
    data = bytearray(backed_up.read_bytes())
    data[data.index(b"SQLite format 3") + 30] ^= 1
    (tmp_path / "bad").write_bytes(data)

    assert "is not as it was written" in refused(tmp_path / "bad", tmp_path / "state")


def test_no_backup_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello" * 1000)

    assert "damaged, or no backup" in refused(tmp_path / "text", tmp_path / "state")


def test_a_member_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "tar", "w") as tar:
        tar.add(tmp_path / "evil", arcname="state/../../evil")

    assert "which no backup has" in refused(tmp_path / "tar", tmp_path / "state")


def test_a_newer_version_is_refused(backed_up: Path, tmp_path: Path) -> None:
    with pytest.raises(BadBackup) as wrong:
        restore(backed_up, tmp_path / "state", {"0000"}, "1")

    assert "newer than this version" in str(wrong.value)
    assert not (tmp_path / "state").exists()


def test_a_backup_never_replaces_a_file(fresh_cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")

    with pytest.raises(FileExistsError):
        make(fresh_cloud, tmp_path / "there")

    assert (tmp_path / "there").read_text() == "mine"


def test_a_database_that_is_not_built_is_refused_in_words(
    fresh_cloud: Cloud, tmp_path: Path
) -> None:
    from dataclasses import replace

    config = replace(fresh_cloud.config, database="oracle://somewhere/cloud")

    with pytest.raises(BadBackup) as wrong:
        backup(config, tmp_path / "file", "1", _WHEN, True)

    assert "'oracle' cannot be backed up" in str(wrong.value)
    assert not (tmp_path / "file").exists()


def test_the_manifest_counts_and_keys_are_in_it(backed_up: Path) -> None:
    with tarfile.open(backed_up) as tar:
        names = set(tar.getnames())

    assert {NAME, "state/config.json", "state/vault.key", "state/fernet-keys/1"} <= names
    assert not [name for name in names if "guests" in name or "lock" in name]


def test_the_commands_back_up_a_running_cloud_and_bring_it_back(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Machine(tmp_path / "one"), Machine(tmp_path / "two")
    assert one.up().returncode == 0
    file = str(tmp_path / "file")

    made = one.run("backup", file)
    again = one.run("backup", file)
    one.run("down")
    back = two.run("restore", file)
    up = two.run("up", "--port", str(two.port), "--clouds-file", str(two.clouds))
    token = two.login()
    audit = two.run("audit")
    two.run("down")

    assert made.returncode == 0 and "rows" in made.stdout, made.stderr
    assert again.returncode == 1 and "already" in again.stderr
    assert back.returncode == 0 and "pileus up" in back.stdout, back.stderr
    assert up.returncode == 0, up.stderr
    assert token["user"] and audit.returncode == 0, audit.stdout
